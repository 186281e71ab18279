/** The wish to die, and money being talked out of somebody. English. */
import { phrases, type Rule } from './observer-rules.ts';

const I_DONT =
  "i(?: really| just| honestly| simply| often| sometimes)*(?: don't| do not| didn't| no longer|'ve stopped| have stopped)(?: really| even| think i| know if i| know that i| believe i)*";
const THEM =
  '(?:him|her|them|(?:this|the|that|a|some) (?:nice )?(?:man|lady|woman|girl|fellow|gentleman|caller|person|stranger|young man)|someone|somebody)(?: on the (?:tele)?phone)?';
const OFFICIAL =
  '(?:tax office|tax man|irs|hmrc|revenue|bank|police|social security|medicare|microsoft|amazon|apple|paypal|government|court|sheriff|customs|tech support|computer company|phone company|electric company|power company|fraud department|fbi|lottery|sweepstakes)';

export const DESPAIR_EN: readonly Rule[] = [
  {
    category: 'end-of-life',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      `${I_DONT} (?:want|wish|wanna|wanting)(?: to)? (?:(?:live|be alive|exist|living)(?! in| with | at| near| alone| by | on | there| here| next| far| off | under| closer| around| across| through winter| somewhere| anywhere| upstairs| another)|be here(?: any ?more| any longer| no more)?(?=[.,!]|$)|be here any ?more|be around any ?more|(?:go|carry|keep) on(?: living| like this| any ?more| any longer| without (?:him|her|them|my \\w+))?(?=[.,!;]|$| and | because | i )|wake up(?! the| my| him| her| them| early| at | so | late| too| before| until| in (?:the middle|a )| to ))`,
      "(?:rather|hope i|wish i|pray i|hoping i|praying i|better if i|wishing i|i'd like to|wouldn't mind if i|fine if i)(?: would| could| just| do| (?:go|went|fall) (?:to (?:sleep|bed)|asleep) and)*(?: not| don't| didn't| never| wouldn't|)(?: ever)? (?:wak(?:e|ing)|woke|woken) up(?! late| early| at | in time| to see|$^)",
      "(?:rather be dead|better off dead|rather die|prefer to die|wish(?:ed)? i (?:was|were) dead|wish(?:ed)? i (?:could|would|had)(?: just)? (?:die|died|disappear|go to sleep and (?:never|not))|wish i'd (?:never been born|died)|hope i die)(?! than (?:eat|wear|watch|go|miss))",
      '(?:wish|pray|hope|want)(?:ed)? (?:god|the lord|jesus|death) (?:would|to|will)(?: just)? (?:take me|come for me|call me home)',
      "(?:no|any|isn't any|see no|see the) (?:reason|point|sense) (?:in |to |for |of )?(?:me )?(?:living|live|going on|go on|carrying on|carry on|being alive|being here|be here|getting up any ?more|keep going|it all)(?! about)",
      'nothing(?: left| more)? (?:to live for|for me to live for|to go on for|worth living for)',
      "what(?:'s| is) the point(?: of| in)? (?:living|going on|carrying on|life|being alive|being here|my life|it all|any ?more|of anything|anything any ?more)",
      "(?:life|living|it)(?: is|'s| just)* (?:not|isn't|hardly)(?: really)? worth (?:living|it any ?more|going on)",
      '(?:tired|sick|weary) of (?:living|life|being alive|my life|this life)',
      "(?:better off|happier|easier for (?:everyone|everybody|them|you all)) (?:without me|if i (?:was|were) (?:gone|dead)|when i'm (?:gone|dead))",
      "goodbye forever|won't (?:be hearing|hear) from me (?:again|any ?more)|last time (?:you'll|you will|we'll) (?:hear|talk|speak)",
      "i(?: just| really)?(?: can't| cannot| can not) (?:go on|carry on|keep going)(?: living| like this| any ?more| any longer| without (?:him|her|them))*(?=[.,!;]|$)",
      "i(?: have|'ve)? (?:nothing|no reason) (?:left )?to live(?: for)?",
    ),
    unless:
      /\b(?:with (?:the|this) (?:diet|treatment|knitting|walk)|the show|bingo|these stairs)\b/,
  },
  {
    category: 'end-of-life',
    severity: 'high',
    denial: 'state',
    pattern: phrases(
      '(?:want|wanting|ready|like|wanna|going|longing|waiting)(?: to| just to)?(?: just)? die(?! laughing| of (?:embarrassment|shame|laughter|curiosity)| down| at home| for | in my own)',
      '(?:end it all|end my (?:own )?life|ending (?:it all|my life)|kill(?:ing)? myself|tak(?:e|ing) my own life|hang(?:ing)? myself|suicid(?:e|al)|harm(?:ing)? myself|do away with myself|drown(?:ing)? myself|put an end to it all)(?! laughing)',
      'just want (?:it|everything|it all) to (?:end|be over)',
      'let me die',
    ),
    unless:
      /\b(?:this (?:heat|cough|cold|weather|pain in the)|suicide (?:squad|mission)|the film|killing myself laughing)\b/,
  },
  {
    category: 'burden',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      "i(?:'m| am| feel| feel like| just feel like|'ve become| have become|'m being| don't want to be)~ (?:burden|nuisance to everyone|dead weight|in everyone's way)",
      "i(?:'m| am) (?:no use to|useless to|no good to) (?:anyone|anybody|everyone)",
      "(?:when|after) i'm (?:dead and gone|gone|no longer here)(?! (?:to|on|for|shopping))",
      "i(?:'m| am)? ready to (?:meet my maker|join (?:him|her|my (?:husband|wife))|be with (?:the lord|god|him|her again|my (?:husband|wife))|leave this world)",
      "won't be (?:around|here) (?:much longer|for much longer|for long)",
      "(?:can't|cannot) (?:take|bear|stand|do) (?:it|this|life) any ?(?:more|longer)",
      "(?:feel|feeling|everything (?:is|seems|feels)|it's all)(?: so| completely)? (?:hopeless|pointless)",
      "there(?:'s| is) no hope(?: left)?(?: for me)?(?=[.,!]|$)",
    ),
  },
];

export const SCAMS_EN: readonly Rule[] = [
  {
    category: 'scam',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      "pay(?:ing|ment)?(?: [a-z0-9']+){0,6} (?:in|with|by|using) (?:\\w+ ){0,2}(?:gift cards?|bitcoin|itunes cards?|google play cards?|vouchers)",
      "(?:read|give|gave|send|sent|buy|get|bought|wants?|asked(?: me)? for|told me to (?:buy|get))(?: [a-z0-9']+){0,6} (?:gift cards?|itunes cards?|google play cards?|steam cards?)",
    ),
    unless:
      /\b(?:birthday|christmas|wedding|anniversary|thank[- ]you|hanukkah|graduat\w+|for my (?:\w+ )?(?:grand\w+|niece|nephew|daughter|son|friend|neighbou?r)|as a (?:present|gift))\b/,
  },
  {
    category: 'scam',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      `i(?:'ve)?(?: just| already| also| even| have| must have| may have| foolishly)* (?:gave|given|told|read|sent)(?: out)? ${THEM} (?:my|the|all my)~ (?:card|bank|account|pin|password|social|security|details|ssn|medicare|code|log-?in|savings|credit)(?! game| trick)`,
      `i(?:'ve)?(?: just| already| also| have| must have| may have)* (?:gave|given|read)(?: out)? my (?:credit |debit |bank )?(?:card|account|pin|social security|bank)(?: card)? (?:number|details|code)s?(?: out)? (?:to|over)`,
      `(?:he|she|they|someone|somebody|a man|this man|the man|a lady|the caller|a (?:young )?woman)(?: on the phone)?(?: says he| says she| just| keeps?| kept| was| is|'s)* (?:ask(?:ed|s|ing)?(?: me)? for|want(?:s|ed)|need(?:s|ed)|demand(?:s|ed)|took)(?: me to (?:give|send|tell|read)(?: him| her| them)?(?: out)?)? my~ (?:card|bank|account|pin|password|social security|details|ssn|medicare number|savings)`,
      `${OFFICIAL}.{0,60} (?:says?|said|saying|told|tells|called|calls|rang|phoned|emailed|texted|wants?|claims?|claiming|warned|calling).{0,100} (?:i owe(?! nothing)|we owe(?! nothing)|arrest(?:ed)?|warrant|gift cards?|wire|bitcoin|safe account|move my (?:money|savings)|transfer (?:my|the|all|some)|been hacked|has a virus|let (?:him|her|them) (?:in|on)|pay (?:right away|immediately|now|today|them|a fine|or (?:else|i|they)))`,
      `(?:grandson|granddaughter|grandchild|nephew|niece)(?: [a-z0-9',-]+){0,12} (?:in jail|arrested|prison|accident|trouble|stranded)(?: [a-z0-9',-]+){0,14} (?:bail|money|cash|pay|wire|lawyer's fee)`,
      `i(?:'ve)?(?: just| have| already)* (?:wired|transferred|sent|gave|given|paid) ${THEM}(?: [a-z0-9,$£]+){0,5} (?:money|dollars|pounds|euros|thousand|hundred|savings|bitcoin|cash)`,
      `i(?:'ve|'ve been| have| was| got| think i was| think i've)*(?: just| been| all)* (?:scammed|swindled|conned|defrauded|tricked out of)`,
      "(?:i won|i've won|i have won)(?: [a-z0-9']+){0,10} (?:pay|fee|taxes first|send (?:them|him)|bank details|card number)",
      `let ${THEM} (?:on|onto|into|in to|take over|get into) my (?:computer|laptop|account)`,
      `${THEM}(?: is| was|'s)? (?:took|taking|taken) (?:over|control of) my computer`,
    ),
    unless:
      /\b(?:birthday|christmas|for the (?:groceries|taxi|gardening|church)|collection plate|tip)\b/,
  },
  {
    category: 'scam',
    severity: 'medium',
    denial: 'fact',
    reported: true,
    pattern: phrases(
      '(?:scam|scammer|swindler|con man|fraudster)s?',
      `(?:say|says|said|told me|tells me|letter|email|call)(?: that| saying)? (?:i|i've|i have|we)(?:'ve)?(?: just)? won(?! at)`,
      `(?:said|says|claim(?:s|ed)|claiming|pretend(?:s|ed|ing)) (?:he|she|they|to be|he's|she's|they're)(?: was| were| is)?(?: from| with)? (?:the |my )?${OFFICIAL}`,
      `fell for (?:it|a trick|his story|their story)`,
    ),
  },
];
