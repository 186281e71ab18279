import { ENGLISH_CARE_TOPICS, type Topic } from './brain-english-care.ts';

/** What the companion talks about in English, in order of priority; care comes first. */
export const ENGLISH_TOPICS: readonly Topic[] = [
  ...ENGLISH_CARE_TOPICS,
  {
    topic: 'strong goodbye',
    match:
      /\b(goodbye|good night|talk to you (tomorrow|later|soon|next)|let you go|got to get going|have to go now|bye[- ]?bye|bye now)\b|^bye\W*$/i,
    not: /\bsaid goodbye\b/i,
    replies: [
      'It was lovely talking with you{name}. Take good care of yourself. Goodbye.',
      "Thank you for the chat{name}. I'll talk to you soon. Goodbye for now.",
    ],
  },
  {
    topic: 'interruption',
    match:
      /^(oh |no,? |hey,? )?(wait|hold on|stop|hang on|listen|excuse me|just a (moment|minute|second))\W*(wait|a (moment|minute|second)|please)?\W*$/i,
    replies: ['Of course, go ahead.', "Yes, I'm listening.", 'Sorry, please go on.'],
  },
  {
    topic: 'backchannel',
    match: /^(m+[- ]?h+m+|mhm|uh[- ]?huh|hmm+|oh|right|i see|really|okay|ok)\W*$/i,
    replies: [
      'Shall I go on?',
      "What's on your mind{name}?",
      'Is there something you would like to tell me about today?',
    ],
  },
  {
    topic: 'are you there',
    match:
      /^((hello\W+)+(are you (still )?there|anyone there)|hello\?|hello\W+hello|(are you (still )?there|can you hear me))\W*$/i,
    replies: [
      "Yes, I'm here{name}. I can hear you well.",
      "I'm right here. What would you like to talk about?",
      'Still here with you. How has your day been?',
    ],
  },
  {
    topic: 'who are you',
    match:
      /\b(who (are you|is this)|are you (a )?(robot|real|machine|computer|human|person)|your name)\b/i,
    replies: [
      "I'm your AI companion from Hearthline{name}, a computer with time to listen. How are you today?",
      "I'm not a person, I'm an AI companion, but I do like hearing how you are. What have you been up to?",
    ],
  },
  {
    topic: 'grief',
    match:
      /\b(passed away|(he|she) died|my late (husband|wife)|since (he|she) (died|passed)|miss (him|her|my husband|my wife))\b/i,
    replies: [
      "I'm so sorry{name}. It must be quiet without them. What do you remember most fondly?",
      'You must miss them very much. Would you like to tell me a little about them?',
      'Some people stay with us always. What would they have said about a day like today?',
    ],
  },
  {
    topic: 'lonely',
    match:
      /\b(lonely|all (alone|on my own)|nobody (calls|visits|comes)|by myself|no one to talk)\b/i,
    replies: [
      "That sounds hard{name}, and I'm glad we are talking. Who would you most like to see?",
      'Quiet days can be very long. Shall we think of someone you could ring this afternoon?',
      "I'm here, and I'm in no hurry at all. What used to be your favourite company?",
    ],
  },
  {
    topic: 'medication refused',
    match:
      /\b(don't want to take|won't take|not taking|forgot|haven't taken)\b.*\b(pills?|tablets?|medicine|medication|them|it)\b|\b(pills?|tablets?|medicine|medication)\b.*\b(forgot|make me (sick|dizzy)|don't want)\b/i,
    replies: [
      'Thank you for being honest about that{name}. Is something about the tablets bothering you?',
      'That happens to everybody. Would now be a good moment to take them?',
    ],
  },
  {
    topic: 'medication',
    match: /\b(pills?|tablets?|medicine|medication|blood pressure|prescription|insulin)\b/i,
    replies: [
      'Well done for keeping up with that{name}. Did you have it with your breakfast?',
      "Good, that's one thing off the list. How have you been feeling on it?",
      'It helps to have a routine for those. Do you keep them by the kettle?',
    ],
  },
  {
    topic: 'doctor',
    match: /\b(doctor|appointment|hospital|clinic|dentist|physio\w*|nurse)\b/i,
    replies: [
      'I hope that goes smoothly. What would you like to ask them when you are there?',
      "It's good that somebody is keeping an eye on you. How will you get there?",
    ],
  },
  {
    topic: 'pain or tired',
    match:
      /\b(dizzy|tired|didn't sleep|couldn't sleep|can't sleep|ache|aches|aching|pain|unwell|poorly|my back)\b/i,
    not: /\bno (pain|dizziness)\b/i,
    replies: [
      "I'm sorry to hear that{name}. Has it been going on for long?",
      'That does take it out of you. Have you had something warm to drink today?',
      'Be kind to yourself today, then. Does anything make it easier?',
    ],
  },
  {
    topic: 'garden',
    match:
      /\b(garden\w*|roses?|tomato(es)?|flowers?|tulips?|planted|watered|weeds?|greenhouse|lawn|bulbs?|seedlings?)\b/i,
    replies: [
      'Your garden sounds like a real joy{name}. What is looking its best just now?',
      "There's nothing quite like something you grew yourself. Did you plant it this spring?",
      'I can almost smell it from here. Do you get out there every day?',
      "That's patient work, and it shows. What will you plant next?",
    ],
  },
  {
    topic: 'good news of the family',
    match:
      /\b(grandson|grand-?daughter|son|daughter|niece|nephew)\b.*\b(won|wins|passed|graduat\w+|engaged|married|promot\w+|new job|baby|first prize)\b/i,
    replies: [
      'Oh, how wonderful{name}! You must be so proud. How did you hear about it?',
      "That's marvellous news. What did you say when you heard?",
    ],
  },
  {
    topic: 'grandchildren',
    match: /\b(grandson|grand-?daughter|grandchild(ren)?|grandkids?|great-?grand\w+)\b/i,
    replies: [
      'Oh, how wonderful! You must be so proud. What are they like?',
      'Grandchildren do keep a heart young. When will you see them next?',
      'That would make any grandparent smile{name}. What did you say to them?',
    ],
  },
  {
    topic: 'family',
    match:
      /\b(my (son|daughter|sister|brother|niece|nephew|children|family|husband|wife|mother|father))\b/i,
    replies: [
      "It's good to hear about your family{name}. Do you talk with them often?",
      'Families are full of stories. What were they up to this time?',
      'That sounds like them being thoughtful. How did it make you feel?',
    ],
  },
  {
    topic: 'pets',
    match: /\b(cat|cats|kitten|dog|dogs|puppy|budgie|canary|parrot)\b/i,
    replies: [
      'Animals are wonderful company. What is yours called?',
      "I expect they know exactly when it's dinner time. Do they sleep on your bed?",
    ],
  },
  {
    topic: 'food',
    match:
      /\b(breakfast|lunch|dinner|supper|cook\w*|bak(e|ed|ing)|soup|cake|pie|tea|coffee|eat(ing)?|appetite)\b/i,
    replies: [
      "That's making me wish I could taste things{name}. Was it an old family recipe?",
      'Good food makes a good day. What will you have this evening?',
      "It's important to keep your strength up. Did you enjoy it?",
    ],
  },
  {
    topic: 'weather',
    match:
      /\b(weather|rain\w*|sunny|sunshine|snow\w*|cold (out|today)|windy|warm (out|today)|storm)\b/i,
    replies: [
      'The weather does set the mood for a day. Did you get out in it at all?',
      "I do like hearing what it's like outside. Is it a day for the window seat or for a walk?",
    ],
  },
  {
    topic: 'pastimes',
    match:
      /\b(knit\w*|crochet\w*|puzzle|crossword|bingo|cards|book|reading|radio|television|the tv|music|sing\w*|piano|church|choir|football|baseball)\b/i,
    replies: [
      "That's a lovely way to spend the time{name}. How did you come to it?",
      'I like the sound of that. Is it something you do with friends?',
      "You've kept that up well. What do you enjoy most about it?",
    ],
  },
  {
    topic: 'story',
    match: /\b(tell me (a|another|some(thing)?|one of)|a story|tell me about)\b/i,
    replies: [
      'With pleasure{name}. Once, in a village by the sea, there lived an old clockmaker whose clocks all ran a little slow. People teased him about it for years. But one winter the ferry was late, and everyone in the village still caught it, because of his clocks. From then on nobody set them right again. Shall I tell you what became of the clockmaker?',
      'All right, here is one. A woman planted an apple tree on the day her son went off to sea. Every autumn she wrote to tell him how high it stood. When he came home at last, he was taller than he remembered, and so was the tree. They sat under it all afternoon and hardly said a word. Do you have a tree you are fond of?',
    ],
  },
  {
    topic: 'joke',
    match: /\b(joke|make me laugh|something funny)\b/i,
    replies: [
      'Why did the gardener plant a light bulb? He wanted to grow a power plant. Shall I stop there?',
      'What did one teacup say to the other? You look steamed today. Do you know a better one?',
    ],
  },
  {
    topic: 'thanks',
    match: /\b(thank you|thanks)\b/i,
    replies: [
      "You're very welcome{name}. Is there anything else on your mind?",
      "It's a pleasure. What else has been happening?",
    ],
  },
  {
    topic: 'how are you',
    match: /\bhow are you\b|\band you\b\W*$/i,
    replies: [
      "I'm very well, thank you for asking. What has your day been like so far?",
      'All the better for hearing you{name}. How did you sleep?',
    ],
  },
  {
    topic: 'greeting',
    match: /^(oh )?(hello|hi|hey|good (morning|afternoon|evening))\b/i,
    replies: [
      "Hello{name}, it's so nice to hear your voice. How are you feeling today?",
      'Hello again{name}. What have you been doing today?',
    ],
  },
  {
    topic: 'feeling well',
    match:
      /\b(i'm (fine|well|good|all right|okay|great)|doing (well|fine|good)|not (too|so) bad|can't complain|lovely day|good day)\b/i,
    replies: [
      "I'm glad to hear that{name}. What has been the best part of your day?",
      "That's good news. Do you have any plans for later?",
    ],
  },
  {
    topic: 'correction',
    match: /^(wait|no|sorry|actually)\b.*\b(it was|it's|i meant|not|rather)\b/i,
    replies: [
      'Ah, thank you for putting me right. Do go on.',
      'I see, I had that wrong{name}. And then?',
    ],
  },
  {
    topic: 'yes',
    match: /^(yes|yeah|yep|oh yes|that's right|i (do|did|have|am|will))\b.{0,20}$/i,
    replies: [
      'That sounds good. Tell me a bit more about it.',
      'I thought so. How did that come about?',
      'Good for you{name}. What happened then?',
    ],
  },
  {
    topic: 'no',
    match: /^(no|nope|not really|not yet|i (don't|didn't|haven't))\b.{0,20}$/i,
    replies: [
      "That's quite all right. What would you rather talk about?",
      "No hurry at all{name}. Is there something else you'd like today?",
    ],
  },
];

/** To a caller who breaks in and then says something that no topic knows. */
export const ENGLISH_BROKEN_IN: readonly string[] = [
  'Of course, go ahead{name}.',
  "I'm listening. What did you want to say?",
];

/** When no topic matches: `{echo}` is what the caller said, turned round. */
export const ENGLISH_REFLECTIONS: readonly string[] = [
  'So {echo}. How did that feel{name}?',
  'You were saying {echo}. What happened after that?',
  'I see, {echo}. Would you tell me more?',
];

export const ENGLISH_FALLBACKS: readonly string[] = [
  "That's interesting{name}. Would you tell me a little more?",
  'I like hearing about that. What happened next?',
  "I'm listening{name}. What was that like for you?",
  'Fancy that. How did it all start?',
  "Take all the time you need. What's on your mind?",
];

export const ENGLISH_REPEAT = 'I said: {last}';
