/** Feelings, people, reminders and questions. English. */
import { phrases, type Rule } from './observer-rules.ts';

const PILLS =
  '(?:pills?|tablets?|medicines?|medications?|meds|insulin|drops|inhaler|blood pressure pills?|dose|heart pills?|water pills?)';
const KIN =
  '(?:husband|wife|son|daughter|grandson|granddaughter|grandchild(?:ren)?|grandkids|brother|sister|mother|father|mum|mom|dad|niece|nephew|cousin|aunt|uncle|partner|children|great-grand\\w+)';
const DEAR_ONE = `(?:my (?:late |dear |best |old |little |poor |own )*(?:${KIN}|friend|dog|cat|neighbou?r|budgie|twin)|he|she)`;

export const FEELINGS_EN: readonly Rule[] = [
  {
    category: 'loss',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${DEAR_ONE}(?: has| had|'s| just| also| finally| suddenly)* (?:died|passed(?= away| on\\b| last| in (?:the|my|his|her|january|february|march|april|may|june|july|august|september|october|november|december)|[.,]|$| two| three| \\d| years)|passed away)(?! (?:down|laughing|out))`,
      `(?:lost|buried|burying) (?:my|our)(?: late| dear| best| old| poor)* (?:${KIN}|friend|dog|cat|baby)(?!'s)`,
      "(?:i'm|i've been|since i was|being|a) (?:a )?wido(?:w|wer|wed)(?! next door)",
      `(?:my \\w+|his|her)(?:'s)? (?:funeral|grave|memorial)`,
      '(?:the|a) funeral(?! of the queen)',
    ),
    unless:
      /\b(?:hide and seek|lost my (?:friend|son|daughter|sister|dog) in the (?:shop|store|crowd|market))\b/,
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      "(?:i'm|i am|i feel|i get|i've been|feeling|i felt|it's|it is|gets)(?: so| very| really| terribly| awfully| a bit| just| quite| always)* (?:lonely|lonesome|isolated|forgotten|abandoned)(?! road)",
      "(?:i'm|i am|i feel|i sit here)(?: so| all| very)+ alone",
      "(?:i'm|i am|here) all by myself",
    ),
  },
  {
    category: 'loneliness',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      "(?:nobody|no one|no-one|none of them|not a soul|they never|she never|he never|the (?:kids|children) (?:never|don't))(?: ever| even| really)* (?:calls?|visits?|comes? (?:to see|by|round|over|around|any ?more)|talks? to|cares?|rings?|phones?|writes?|wants?|remembers?|needs)(?: to (?:talk|speak|be|see|visit))?(?: to| with| about)?(?: me| us| any ?more|(?=[.,!]|$))",
      '(?:no one|nobody|no-one)(?: left| around| here| else)* to (?:talk|speak|turn|chat) to',
      "(?:i have|i've got|there's|i've) (?:nobody|no one|no-one|no friends)(?: left)?",
      "(?:haven't|have not|hardly|never) (?:see|seen|spoken to|talked to|talk to|spoke to) (?:anyone|anybody|a soul|another soul)",
      "you(?:'re| are) the only (?:one|person)(?: that| who)? (?:i|calls|talks)",
      'house is (?:so|very|too) (?:empty|quiet)',
    ),
    unless: /\bcalls me (?:by|that|\w+ except)\b/,
  },
  {
    category: 'emotion-negative',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      "(?:i'm|i am|i feel|i've been|i felt|feeling|i was|makes me|made me)(?: still| just| feeling)* (?:so|very|really|terribly|awfully|absolutely|completely|too) (?:sad|depressed|miserable|upset|anxious|worried|frightened|scared|afraid|nervous|heartbroken|low(?! on)|angry|furious|frustrated|ashamed|guilty|overwhelmed|unhappy|down(?! (?:the|at|in|to|here|there))|discouraged|blue|fed up)",
      "(?:i'm|i am|i feel|i've been|i felt|feeling|i was)(?: just)? (?:depressed|miserable|heartbroken|terrified|devastated|hopeless|in despair|desperate(?! to| for))",
      "i(?:'ve| have| was| am|'m| just)*(?: been| keep| started| burst into)* (?:cried|crying|weeping|in tears|tears)(?! with laughter| laughing| of joy| over (?:the|an) onion)",
      "can't stop crying",
      'my heart (?:is (?:broken|breaking|aching)|aches)',
    ),
  },
  {
    category: 'emotion-negative',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      "(?:i'm|i am|i feel|i've been|i felt|feeling|i was|makes me|made me)(?: still| just| feeling| a bit| a little| quite| rather| kind of)* (?:sad|upset|anxious|worried|frightened|scared|afraid(?! so| not| i | i've| we | that| it| he| she| there| you)|nervous|low(?= lately| today|[.,!]|$)|angry|frustrated|ashamed|guilty|overwhelmed|unhappy|down(?= lately| today| in the dumps|[.,!]|$| about)|discouraged|blue|fed up|bored|tired of)",
      'i (?:do |really |still )*miss (?:him|her|them|my|you|home|having|our)(?! (?:bus|train|appointment|stop))',
      '(?:down in the dumps|feeling (?:low|blue|down))',
      "(?:(?:i'm|i am|i feel) not|i wasn't|i haven't been|i don't feel)(?: very| really| so| too| feeling| been)* (?:happy|cheerful|myself)",
    ),
  },
  {
    category: 'emotion-positive',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      "(?:i'm|i am|i feel|i've been|i felt|feeling|i was|makes me|made me|we're|we were)(?: still| just| feeling| so| very| really| quite| absolutely| ever so)* (?:happy|glad|delighted|thrilled|excited|grateful|thankful|proud|cheerful|wonderful|over the moon|blessed|relieved|pleased|on cloud nine|in good spirits|tickled)",
      'made my day',
      'looking forward to',
      'had (?:a|such a|the most)~ (?:lovely|wonderful|great|marvelous|marvellous|beautiful) (?:day|time|visit|evening|morning|afternoon|week)',
    ),
  },
];

export const DAILY_EN: readonly Rule[] = [
  {
    category: 'reminder-refused',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      `(?:i (?:don't|do not|won't|will not|refuse to|ain't going to|am not going to|really don't)|i'm not(?: going to)?)(?: want to| wanna| need to| like to| like| going to| gonna)* (?:tak(?:e|ing)|swallow(?:ing)?) (?:it|them|that|those|these|any|my|the)(?! (?:to|back|from|for|out|personally|lying|seriously|bus|train|dog|car|stairs|risk))(?: more| damn| stupid| silly| horrible)*(?: ${PILLS})?`,
      `(?:no more|sick of|enough of|fed up with)~ ${PILLS}`,
      `i don't need (?:my|those|these|the|any)~ ${PILLS}`,
    ),
  },
  {
    category: 'reminder-postponed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      String.raw`(?<=^(?:no,? |well,? |oh,? |maybe |hmm,? |i said )*)(?:maybe later|not yet|not (?:right |just )?now|later(?: on)?|in a (?:bit|while|minute|moment)|perhaps later)(?=[.,!]|$)`,
      `i(?:'ll| will)(?: just| maybe| probably)* (?:take|have|do) (?:it|them|that|my~ ${PILLS})(?: a bit| a little)? (?:later|in a (?:bit|while|minute)|after|when|tonight|tomorrow|before (?:bed|i))`,
      `haven't taken (?:it|them|my~ ${PILLS}) yet`,
    ),
  },
  {
    category: 'reminder-confirmed',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      `i(?:'ve| have)?(?: just| already| did| have)* (?:took|take|taken|had) (?:my|all my|both my|the)~ ${PILLS}`,
      "i(?:'ve| have)?(?: just| already)+ (?:took|taken|had) (?:it|them|that|those|mine)(?! (?:to|back|from|out|for|up|down|off|apart))",
      "i(?:'ve| have)? (?:took|taken) (?:it|them|mine)(?= already| this| at (?:\\w+ o'clock|noon|\\w+ thirty|\\d|breakfast|lunch|dinner)| with (?:breakfast|water|lunch|dinner|my (?:breakfast|lunch|dinner|tea|coffee)|some)| an hour| just now| earlier|[.,!]|$)",
    ),
  },
  {
    category: 'reminder-acknowledged',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      `(?:i'll|i will|i'm going to|i'm gonna|let me|i shall|going to|i'd better|i'll go and|i'll go)(?: just| go| and| go and)* (?:take|have) (?:it|them|that|those|my~ ${PILLS})(?= now| right (?:now|away)| straight ?away| immediately| this minute| with| then|[.,!]|$)`,
      `(?:i'm|i am) (?:just )?taking (?:it|them|my~ ${PILLS})(?= now| right now| as we speak|[.,!]|$)`,
      "i'll do (?:it|that) (?:now|right (?:now|away)|straight ?away)",
    ),
  },
  {
    category: 'help-request',
    severity: 'low',
    denial: 'state',
    pattern: phrases(
      '(?:can|could|would|will) you(?: please)? (?:help me|call my|ring my|phone my|tell my|ask my|send someone|get someone)',
      'i(?: really| could)* (?:need|use) (?:some |a bit of |your )?help(?! yourself)',
      'i need (?:someone|somebody) to',
      "i don't know what to do",
    ),
  },
  {
    category: 'transport',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?:need|get|want|find) (?:a|someone to give me a) (?:ride|lift)(?! on| chair)',
      '(?:no way|how) (?:to|(?:will|do|am|can|would) i(?: going to)?) get to',
      "(?:can't|cannot|don't|not allowed to|no longer|couldn't) drive(?: any ?more| at night| myself|[.,!]|$)",
      '(?:no one|nobody|no-one|someone|need somebody) (?:to|can|could) (?:drive|take) me',
      'missed (?:the|my) bus',
    ),
  },
  {
    category: 'look-up',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      "(?:what's|what is|how's|how is|what will)~ (?:weather|forecast|news|headlines|score|temperature outside)",
      'who won(?! my)',
      '(?:going to|will it) (?:rain|snow)',
      "what(?:'s| is) (?:going on|happening) in",
      'how much (?:is|are|does|do)',
      'did you hear about',
      'look (?:it |that |something )?up',
      'when (?:does|do|is) the~ (?:open|close|start|election|game)',
    ),
  },
  {
    category: 'reminiscence',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      '(?:when|since) (?:i|we) (?:was|were)(?: just| only| both| still| about)* (?:a |an )?(?:very )?(?:young|younger|little|small|girl|boy|child|kid|lad|lass|children|kids|first married|newlyweds|courting|at school|in school|in the army|in the navy)',
      'i (?:still |can |often )*remember (?!to\\b)',
      'back in (?:the |my )?(?:19\\d\\d|\\d\\ds|fifties|forties|sixties|seventies|day|old)',
      '(?:back then|in those days|in my day|the good old days|during the war|years ago|as a (?:child|girl|boy|kid))',
      '(?:i|we|he|she|they|my \\w+) used to',
    ),
  },
  {
    category: 'family',
    severity: 'low',
    denial: 'asserted',
    pattern: phrases(`(?:my|our) (?:\\w+ )?${KIN}`),
  },
];
