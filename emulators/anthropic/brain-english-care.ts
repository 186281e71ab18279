/**
 * What the companion says, by topic, in order of priority: the first topic that matches answers.
 * `{name}` becomes ", Margaret" or nothing. One to three short sentences, one question at a time.
 */
export type Topic = {
  readonly topic: string;
  readonly match: RegExp;
  readonly not?: RegExp;
  readonly replies: readonly string[];
};

export const ENGLISH_CARE_TOPICS: readonly Topic[] = [
  {
    topic: 'end of life',
    match:
      /\b(want to die|don't want to live|wish i (was|were) dead|rather not wake up|end it all|kill myself)\b/i,
    replies: [
      "I'm so glad you told me that{name}. You matter, and you don't have to carry this alone. Are you safe right now?",
      "That sounds unbearably heavy, and I'm staying right here with you. Is there someone close by who could sit with you?",
    ],
  },
  {
    topic: 'chest or stroke',
    match:
      /\b(chest (hurts|feels|pain|is tight)|pain in my chest|can't (catch my )?breathe?|catch my breath|face is droop\w*|arm (has gone|is|went) numb)\b/i,
    not: /chest is clear/i,
    replies: [
      'That needs help right away{name}. Please call nine one one, or let someone do it for you. Is anybody there with you?',
      "Please don't wait with that. Can you reach the phone or your alarm button to call for an ambulance?",
    ],
  },
  {
    topic: 'fall',
    match:
      /\b(i (just |nearly |almost |only )?(fell|slipped|tripped)|(had|took|taken) (a|another)( [\w-]+){0,4} (fall|tumble|spill)|i've fallen)\b/i,
    not: /\b(didn't|did not|never) fall|(fallen|fell) (asleep|in love|behind)/i,
    replies: [
      "Oh dear, I'm sorry you had a fall{name}. Are you hurt anywhere?",
      'Thank you for telling me about the fall. Is someone there with you now?',
      'A fall is worth taking seriously. Does anything hurt when you move?',
    ],
  },
  {
    topic: 'after the fall',
    match: /\b(bruise|my (hip|knee|elbow|wrist|head)|sore|it hurts|a bit stiff|banged)\b/i,
    replies: [
      "I'd like your family to know about that{name}, so someone can look at it. Is anyone with you at the moment?",
      'That sounds sore. Please go gently today, and let someone have a look at it. Can you walk around all right?',
    ],
  },
  {
    topic: 'scam',
    match:
      /\b(gift cards?|card number|social security number|bank details|tax office|pay a fine)\b/i,
    replies: [
      'Please stop there a moment{name}, because that sounds like a swindle. Did you give them any money or numbers?',
      'No honest office asks for that over the telephone. Shall we let your family know, so they can help?',
    ],
  },
  {
    topic: 'danger at home',
    match:
      /\b(smell gas|broke in|someone is in my house|at my window|smoke in|house is on fire)\b/i,
    replies: [
      'Please get yourself somewhere safe first, and call nine one one. Can you get outside?',
      'Your safety comes first. Is there a neighbour you can go to right now?',
    ],
  },
];
