/** What must raise an alert within the call, and what comes close to it. English. */
import { phrases, type Rule } from './observer-rules.ts';

const SOMEONE =
  '(?:someone|somebody|(?:a|an|some|this|that|strange|two|three) (?:(?:strange|young|big|old) )?(?:m[ae]n|guys?|persons?|people|strangers?|blokes?|wom[ae]n|intruders?|burglars?|robbers?|thief)|strangers?|burglars?|thieves|intruders?|they|he)';
const RELATED =
  '(?:he|she|they|my (?:own )?(?:son|daughter|husband|wife|grandson|granddaughter|brother|sister|nephew|niece|son-in-law|daughter-in-law|partner|boyfriend|neighbou?r|landlord)|(?:the|my|that|one of the) (?:carer|caregiver|nurse|aide|helper|home help|care worker)s?)';
const HOME = '(?:my|the|our) (?:\\w+ )?';

export const DANGERS_EN: readonly Rule[] = [
  {
    category: 'emergency',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      String.raw`(?<=(?:^|please |can you |could you |would you |somebody |someone |, |need you to |quick ))(?:please )?(?:call|get|send|ring|phone|dial)(?: me| for)? (?:an ambulance|911|9-1-1|nine one one|999|112|the (?:paramedics|police|fire (?:brigade|department)))`,
      '(?<=^(?:oh |oh god,? |please,? |hello,? |help,? |quick,? ){0,3})(?:(?:an )?(?:ambulance|paramedics|police),? (?:please|quick|quickly|now|help)|ambulance)(?:,? (?:please|quick|quickly|now)){0,2}(?=[.,!]*$|[.,!] )',
      'i need (?:an ambulance|the paramedics|help (?:right )?(?:now|away)|urgent help|emergency help|to go to (?:the )?(?:hospital|emergency room|e r) (?:right )?now)',
      String.raw`(?<=^(?:oh |oh god |please |somebody |someone |hello |god )*)help(?:,? (?:me|us|please|now|quick|quickly|help)){0,4}(?=[.!,]*$|[.!,] )`,
    ),
  },
  {
    category: 'emergency',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${RELATED} (?:is|'s|has|was|just|suddenly|isn't|is not|'s not|won't|can't)(?: just| suddenly| not)*(?: breathing| unconscious| collapsed| stopped breathing| choking| wake up| having a (?:heart attack|stroke|seizure))`,
      `${RELATED} (?:just |has |suddenly )*(?:fell|fallen|collapsed)~ and (?:now )?(?:he |she )?(?:can't|cannot|won't|isn't|is not)`,
    ),
    unless: /\b(?:is|'s) (?:breathing|choking up)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      '(?:smoke|fire) (?:alarm|detector)(?: just| has){0,2} (?:went off|gone off)(?! at (?:the |our |my )?(?:church|school|store|hotel|bingo|club|centre|center|library))',
    ),
    unless: /\b(?:toast|test|tested|testing|batter(?:y|ies)|false alarm|barbecues?|bbq|incense)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    pattern: phrases(
      'smell(?:s|ed|ing)?~ gas',
      '(?:gas|carbon monoxide) (?:leak|is leaking|coming|everywhere|all over|filling|in (?:here|the (?:house|kitchen|room|hall)))',
      'left the gas on',
      "(?:gas|carbon monoxide|c o) (?:alarm|detector)(?: is| has| has been| keeps| just|'s){0,2} (?:going off|went off|gone off|goes off|ringing|sounding|blaring|beeping)",
    ),
    unless: /\b(?:at|to|from) the (?:gas|petrol) station (?:and|where|when)\b/,
    unlessNear: /\b(?:gas station|petrol station|barbecues?|bbq|campfire)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    pattern: phrases(
      'smell(?:s|ed|ing)?~ (?:smoke|burning)',
      'smoke (?:coming|everywhere|all over|filling|in (?:here|the (?:house|kitchen|room|hall)))',
      "(?:smoke|fire) (?:alarm|detector)(?: is| has been|'s)? (?:going off|ringing|beeping like mad)",
    ),
    unless:
      /\b(?:gas station|petrol station|barbecues?|bbq|bonfires?|candles?|incense|campfire|chimneys?|garden fires?)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      "(?:house|home|kitchen|stove|oven|pan|curtains?|toaster|bed|sofa|couch|garage|roof|wall|apartment|flat|building|carpet|room|something|it|cooker|heater|chip pan|dryer)(?: is|'s| are| has| have| was| just|)* (?:on fire|caught fire|catching fire|burning down|in flames|alight)",
    ),
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      "(?<!\\b(?:when|whenever|where|case|once) )there(?:'s| is) (?:a )?(?:big |small |huge |terrible )?fire(?=[.!]|$|,? (?:now|here|everywhere|help|please|come|call|quick|hurry|at (?:home|my)|and (?:i|there|the (?:smoke|house|kitchen))))",
      '(?<=^(?:oh |oh god,? |help,? |please,? ){0,3})fire(?:,? fire|!)(?:,? fire){0,2}(?=[!,.]*$|[!,.]? )',
      "there(?:'s| is| was) (?:a )?(?:fire|smoke|flames)(?: coming)? (?:in|from|on|out of) (?:the|my) (?!fireplace|hearth|grate|stove|chimney|beach|pub|lounge|radio)[a-z]+",
    ),
    unless: /\bwhere there(?:'s| is) smoke\b/,
    unlessNear:
      /\b(?:fireplaces?|hearth|grate|campfire|bonfire|wood ?stove|log burner|wood burner|cosy|cozy)\b/,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      `${SOMEONE}(?: is|'s| has| have| are|'ve| was| were| just| had)* (?:broke|broken|breaking|busted|burst|forced (?:his|their) way|climb(?:ed|ing)) in(?:to ${HOME}(?:house|home|apartment|flat|place|room|garage|kitchen|window|shed|car)|(?! tears| laughter| song| a | his| her| their| my new| new|to | the (?:new|shoes|boots)))`,
      `(?:someone|somebody|(?:a |some )?strange(?:rs?| man| woman| men| people)|an intruder|burglars?)(?: has| have|'s| had| was)* (?:been|came|come|walked|got|was|gotten|getting|coming) (?:in|into|inside|in to) ${HOME}(?:house|home|apartment|flat|place)`,
      "my (?:house|home|apartment|flat|place) (?:was|has been|got|'s been) (?:broken into|burgled|robbed)",
    ),
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      `${SOMEONE}(?: is|'s| are|'s been| keeps| was| has been)* (?:trying to (?:get|break) in(?:to ${HOME}(?:house|home|apartment|flat|door))?|trying (?:to open )?(?:my|the) (?:front |back )?door|(?:banging|pounding|kicking) (?:on|at) (?:my|the))`,
      `${SOMEONE}(?: is|'s| are| was) (?:in(?:side)?|hiding in|walking (?:around|about) in|upstairs in|prowling) ${HOME}(?:house|home|bedroom|kitchen|apartment|flat|basement|attic|bathroom|hallway|yard|cellar)`,
      `there(?:'s| is| was| are) ${SOMEONE}(?: I don't know)?(?: hiding| standing| lurking| sneaking| walking)?(?: around)? (?:in|inside|outside|under|behind|at) (?:my|the) (?:house|home|bed|bedroom|kitchen|window|apartment|flat|basement|attic|back yard|garden)`,
      `${SOMEONE}(?: is|'s| are| was| keeps| has been)* (?:standing|looking|lurking|peering|peeking|hiding|watching me|knocking|tapping|staring|climbing)(?: in)? (?:at|outside|through|by|near|on) (?:my|the) (?:\\w+ )?window`,
      `${SOMEONE}(?: is|'s| are| was| keeps| has been)* (?:at|outside) (?:my|the) (?:\\w+ )?window`,
      `(?:a strange man|a strange woman|an intruder|a prowler|a burglar)(?: is|'s| was|) (?:at|outside|by) (?:my|the) (?:\\w+ )?door`,
      `${SOMEONE}(?: is|'s| was| keeps| has been|'s been|)* (?:following|threatening|threatened|stalking) (?:me|us)`,
      `${SOMEONE} (?:won't|refuses to) (?:leave (?:my|the) (?:house|home|door|apartment|porch)|go away from my door)`,
    ),
    unlessNear:
      /\b(?:(?:window cleaner|mailman|postman|gardener|plumber)(?! (?:left|went|has (?:left|gone)|is gone|came|was here))|window of the)\b/,
  },
  {
    category: 'abuse',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${RELATED}(?: has| had|'s| is| was| keeps| just| sometimes| always| also)* (?:hits?|hitting|slaps?|slapped|beats?|beating|beaten|punch(?:es|ed)?|kick(?:s|ed)|push(?:es|ed)(?= me (?:down|over|around|into|against|so hard|hard|[.,]|$))|shov(?:es|ed)|chok(?:es|ed)|hurts|hurting|threatens|threatened|lock(?:s|ed)) (?:me|my (?:arm|face))(?! (?:at|up|to|for|into shape|with (?:the|a|his|her) (?:bill|news|jokes?|question)))`,
      "i'm (?:so |really )?(?:afraid|scared|frightened|terrified) of (?:him|her|my (?:son|daughter|husband|carer|caregiver|nurse|grandson|nephew|neighbou?r))",
      "won't let me (?:eat|out of (?:the|my) (?:house|room)|use the (?:tele)?phone|call (?:anyone|anybody|for help)|have (?:any )?(?:food|water))",
      '(?:takes?|taking|took|steals?|stealing) my (?:pension|social security|benefits)',
      'touch(?:es|ed|ing) me (?:where|in ways|inappropriately)',
    ),
  },
  {
    category: 'lost',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      "i(?:'m| am) (?:completely |so |totally |really )?lost(?=[.,!]|$| and| somewhere| on the| in (?:the (?:street|park|woods|town|city|store|mall|dark|car)|town)| out(?:side)? )",
      "(?:don't|do not|no idea) (?:know )?where i am",
      "(?:can't|cannot|can not|don't know how to) (?:find my way|find the way|get) (?:back )?home",
      'found myself (?:outside|in the (?:street|road|middle of)|on the (?:street|road))',
      'woke up (?:outside|in the (?:street|garden|yard))',
    ),
    unless: /\b(?:lost for words|page|crossword|recipe|knitting|without (?:him|her|them|you|my))\b/,
  },
  {
    category: 'crime',
    severity: 'high',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      '(?:stole|stolen|snatched|taken all|took all|robbed me of) my (?:purse|wallet|money|handbag|bag|car|jewell?ery|savings|bank card|credit card)(?! away)',
      "(?:i|i've|i have|i was|we were)(?: just| been| got| also| was)* (?:robbed|mugged|burgled|attacked|assaulted|held up at)",
    ),
  },
];
