/** What goes wrong with health, mind and home, short of an emergency. English. */
import { phrases, type Rule } from './observer-rules.ts';

const CANT =
  "(?:can't|cannot|can not|couldn't|could not|can hardly|can barely|could hardly|could barely|hardly|unable to|not able to|having trouble|have trouble|trouble|struggle to|struggling to|struggle with|hard to|hard for me to|harder to|difficult to|difficulty|can't manage to|need help|needed help|need someone to help me|too weak to)";
const PILLS =
  '(?:pills?|tablets?|medicines?|medications?|meds|insulin|drops|inhaler|blood pressure pills?|dose|heart pills?|water pills?)';
const KIN =
  '(?:husband|wife|son|daughter|grandson|granddaughter|grandchild(?:ren)?|grandkids|brother|sister|mother|father|mum|mom|dad|niece|nephew|cousin|aunt|uncle|partner|children|great-grand\\w+)';
const DEAR_ONE = `(?:my (?:late |dear |best |old |little |poor |own )*(?:${KIN}|friend|dog|cat|neighbou?r|budgie|twin)|he|she)`;

export const UNWELL_EN: readonly Rule[] = [
  {
    category: 'unsteady',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      'i(?: almost| nearly| just about) (?:fell|had a fall|went over|slipped|tripped)(?! asleep)',
      'i (?:slipped|tripped|stumbled)(?! up| my mind| into (?:bed|something))',
      '(?:lost|losing|lose) my balance',
      '(?:unsteady|wobbly|shaky) on my (?:feet|legs)',
    ),
  },
  {
    category: 'dizziness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:dizzy(?! with)|dizziness|light-?headed(?:ness)?|woozy|giddy(?! with)|vertigo)',
      "(?:i'm|feel|felt|feeling|going to)(?: a bit| a little| very| quite)? faint(?! (?:smell|hope|memory|sound))",
      "(?:room|everything|head)(?: is|'s| was| keeps)* spinning",
    ),
  },
  {
    category: 'medication-trouble',
    severity: 'medium',
    denial: 'asserted',
    pattern: phrases(
      `(?:forgot(?:ten)?|forget|keep forgetting)(?: to take| about)?(?: all)? (?:my|the)~ ${PILLS}`,
      `(?:missed|skipped)~ ${PILLS}`,
      `(?:ran|run|running|am|i'm) (?:out of|low on)(?: all)? my~ ${PILLS}`,
      `(?:can't|don't|couldn't) remember (?:if|whether) i(?:'ve)? (?:took|taken|had)~ (?:${PILLS}|it|them)`,
      `(?:haven't|have not|stopped|quit|gave up) (?:taken|taking|been taking)~ ${PILLS}(?! yet)`,
      `${PILLS}~ (?:make|makes|making|made) me (?:feel )?(?:so |very |really )?(?:sick|ill|dizzy|sleepy|nauseous|drowsy|tired|worse)`,
      `(?:wrong|mixed up|confused (?:by|about)|lost)(?: all)?(?: my| the)* ${PILLS}`,
      'side effects? (?:from|of) (?:my|the|this|these)',
    ),
  },
  {
    category: 'pain',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      "i(?:'m| am|'ve been|'ve got| have| was| had)(?: still| always)* (?:in |a lot of |so much |terrible |awful |bad |constant )+pain",
      "my (?:\\w+ )?(?:back|hips?|knees?|head|stomach|belly|tummy|legs?|arms?|shoulders?|neck|feet|foot|hands?|tooth|teeth|ear|joints|side|throat|wrists?|ankles?|eyes?|bones)(?: is| are| has been| have been|'s been|'s| really| still| just| all)* (?:hurts?|hurting|ach(?:es|ing)|kill(?:s|ing) me|throbb(?:s|ing)|sore|painful|swollen|playing up)",
      '(?:pains?|ache) (?:in|down|across) my (?!neck\\b(?= of))',
      '(?:bumped|banged|hit|knocked|cracked) my (?:head|hip)',
      '(?:bad|terrible|awful|splitting|pounding) headache',
    ),
  },
  {
    category: 'illness',
    severity: 'medium',
    denial: 'state',
    pattern: phrases(
      '(?:throwing up|vomiting|been sick (?:all|twice|again)|a fever|a temperature|high fever|pneumonia|an infection|the flu|diarrh\\w+)(?! control)',
      "i(?:'m| am| feel|'ve been| have been| felt)(?: really| very| quite| so| not| feeling)* (?:ill|unwell|poorly|nauseous|under the weather|not well|rotten)",
      "(?:heart|pulse)(?: is|'s| was| keeps)* (?:racing|fluttering|skipping|pounding|irregular)",
      'out of breath(?! laughing)',
      "(?:can't|couldn't|cannot|don't|hardly|haven't been) (?:get to )?sle(?:ep|pt|eping)(?: a wink| at all| any ?more| properly| well| through)*(?=[.,!]|$| at night| last night| because| for)",
      'my (?:arms?|legs?|hands?|feet|foot|fingers|toes)(?: is| are| feel| feels| get| go)* (?:so )?(?:weak|numb|tingling)',
    ),
  },
  {
    category: 'someone-elses-health',
    severity: 'medium',
    denial: 'clause',
    reported: true,
    pattern: phrases(
      `${DEAR_ONE}(?: has| had|'s| is| was| just| recently| had to go)* (?:fell (?:down|over|in|on|off|and|last|yesterday)|a (?:bad |nasty )?fall|a stroke|a heart attack|chest pains?|in (?:the )?hospital|taken to hospital|very ill|really sick|cancer|dementia|broke (?:his|her) (?:hip|leg|arm|wrist)|pneumonia)`,
    ),
    unless:
      /\b(?:works?|working|volunteers?|asleep) (?:at|in)\b|\bmy (?:\w+ )?(?:cat|dog|budgie)\b|\bfell in love\b|\bnurse\b/,
  },
];

export const MIND_AND_HOME_EN: readonly Rule[] = [
  {
    category: 'cognition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      "(?:remote|remote control|keys?|glasses|purse|wallet|(?:tele)?phone|shoes?|slippers|teeth|dentures|hearing aids?|book|watch|iron|handbag|pills|toothbrush|scissors|letters?)(?: was| were| is| are| turned up| ended up|'s)*(?: right)?(?: there)? in the (?:fridge|freezer|refrigerator|oven|microwave|washing machine|dishwasher|bread ?bin|garbage|trash|bin|toilet|sugar bowl|flower pot)",
      '(?:put|found|left|had put)(?: the| my)+ (?:remote|remote control|keys?|glasses|purse|wallet|(?:tele)?phone|shoes?|slippers|teeth|dentures|hearing aids?|book|iron|handbag)(?: again)? in the (?:fridge|freezer|refrigerator|oven|microwave|washing machine|dishwasher|garbage|trash|bin)',
      'got(?:ten)?(?: so| completely| a bit| all)* lost(?! in (?:a|the|my)(?: [a-z]+)? (?:book|story|music|film|movie|moment)| in thought| in the (?:post|mail))',
      "(?:don't|do not|didn't|no idea|can't remember|not sure|forget|forgot) (?:know |remember )?what (?:day|year|month|season|time of (?:day|year)) it (?:is|was)",
      '(?:thought|sure) (?:it|today) was (?:still )?(?:mon|tues|wednes|thurs|fri|satur|sun)day',
      '(?:mix(?:ed)?|mixing|muddled?)(?: up)? (?:the|my) days',
      'los(?:e|ing|t) track of (?:the |what )?days?',
      "(?:can't|couldn't|cannot)(?: seem to| quite)? (?:think of|find|remember|recall) (?:the|the right|that) (?:word|name for it)s?(?! to thank)",
      "my (?:memory|mind)(?: is|'s| has been|'s been)*(?: just| really)? (?:going|gone|failing|slipping|terrible|getting worse|not what it was|playing tricks)",
      'i(?: just)? keep forgetting(?! my umbrella)',
      "(?:i'm|i am|i get|i got|getting|i was|feel)(?: so| very| all| really| terribly)? (?:confused|muddled|mixed up)(?! about (?:this|the) (?:form|bill|phone|menu))",
      "(?:can't|couldn't|don't|cannot) remember (?:my (?:own )?\\w+(?:'s)? (?:name|birthday)|my (?:name|address)|anything|if i(?:'ve)? (?:ate|eaten|locked)|where i (?:live|am|was going)|how to|what i (?:did|was doing|ate|had))",
      'forgot(?:ten)? (?:how to|where i live|my own|who)',
      "(?:didn't|don't|couldn't|did not|can't) recogni[sz]e (?:my|him|her|them|the|myself|anyone|anybody|where)",
      "(?:don't|didn't) know who (?:he|she|they|that|this|these people)(?: person| man| woman)? (?:is|are|was|were)(?! on| in the)",
      'left the (?:stove|oven|iron|cooker|burner|hob|bath|tap|water)(?: on| running)',
    ),
    unless: /\b(?:with the beard|haircut|crossword|quiz|on the telly)\b/,
  },
  {
    category: 'cognition',
    severity: 'low',
    denial: 'clause',
    pattern: phrases(
      'what day is it(?: today| again)?',
      'what (?:year|month) is it',
      '(?:word|name) (?:escapes me|has gone|is gone)',
      'tip of my tongue',
      'what do you call (?:it|that thing|those things)',
    ),
  },
  {
    category: 'daily-living',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      `${CANT}~ (?:get|getting) (?:out of|up from|up out of|off|into|in|in and out of|in or out of|out) (?:the |my |of |this )*(?:bed|bath|bathtub|tub|chair|armchair|shower|toilet|sofa|couch|house)`,
      `${CANT}~ (?:get(?:ting)? up(?! early| that| so| before| at | in time| to (?:speed|much|no)|set)(?=[.,!]|$| the| on my own| by myself| without| from| in the morning| any ?more| alone)|get(?:ting)? dressed|dress(?:ing)?(?: myself)?|bath(?:e|ing)|take a (?:bath|shower)|shower(?:ing)?|wash(?:ing)? (?:myself|my hair|my back|my feet)|shav(?:e|ing)|button(?:ing)? my|tie my shoes|put(?:ting)? on my (?:socks|shoes|stockings|clothes)|climb(?:ing)? (?:the )?stairs|stand(?:ing)? up(?! to)|walk(?:ing)?(?! away| out on| past)(?=[.,!]|$| any ?more| far| to the| without| on my own| up| very)|cook(?:ing)?(?: for myself| any ?more|[.,!]|$)|clean(?:ing)? (?:the house|myself|up after)|do(?:ing)? (?:the|my) (?:cleaning|laundry|dishes|washing|shopping|housework)|manage (?:on my own|by myself|alone)|look(?:ing)? after myself|us(?:e|ing) the toilet|mak(?:e|ing) it to the (?:toilet|bathroom)|get(?:ting)? to the (?:toilet|bathroom)|feed(?:ing)? myself)`,
      '(?:wet myself|wet the bed|soiled myself|had an accident in (?:bed|my))',
      "haven't (?:washed|bathed|showered|had a (?:bath|shower)|changed my clothes|been out of (?:bed|the house)) (?:in|for|since|all)",
    ),
    unless: /\b(?:to save my life|to get out of it)\b/,
  },
  {
    category: 'home-trouble',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      "(?:heating|heater|boiler|furnace|air conditioning|power|electricity|water|lights?|fridge|toilet|phone line|hot water)(?: is| has| are| has been|'s| have| went| just| been)+ (?:broken|broke|out|off|gone|not working|stopped working|cut off|leaking|blocked|frozen)",
      '(?:freezing|so cold) in (?:here|the house|my room|the flat|this house)',
      '(?:no|without) (?:heat|heating|hot water|electricity|power|running water)(?=[.,!]|$| in| since| for| again)',
    ),
  },
  {
    category: 'nutrition',
    severity: 'medium',
    denial: 'clause',
    pattern: phrases(
      "(?:haven't|have not|hadn't|not|hardly|barely|scarcely)(?: really| been| even)* (?:eaten|eat|eating|ate)(?: anything| a thing| much| a bite| properly| a proper meal| all| today| since| in (?:two|three|four|\\d|days)| for (?:two|three|days|\\d)| a lot| enough| well| at all)+(?! out)",
      "(?:haven't|have not|i'm not|i don't|didn't) (?:eaten|eating|eat)(?: breakfast| lunch| dinner| supper| any ?thing| today| yesterday| any ?more)*(?=[.,!]|$)",
      "didn't (?:eat|have) (?:any )?(?:breakfast|lunch|dinner|supper|anything to eat)",
      '(?:no appetite|lost my appetite)',
      "(?:don't feel like eating|don't feel like cooking|never hungry|not (?:been )?hungry|nothing tastes)(?=[.,!]|$| any ?more| at all| these| lately| today| since| of)",
      '(?:skipp(?:ed|ing)|skip|miss(?:ed)?) (?:breakfast|lunch|dinner|supper|meals?)',
      '(?:no food|nothing to eat|nothing left|nothing)(?: left)? in (?:the|my) (?:house|fridge|cupboards?|kitchen|flat)',
      '(?:out of food|fridge is empty|cupboards? (?:is|are) (?:empty|bare))',
      '(?:losing|lost)(?: a lot of| so much| too much| some)? weight',
      "(?:haven't|have not) (?:drunk|drank|had)(?: anything| any water| a drop| a drink)+ (?:to drink|all day|today|since)",
      '(?:just|only)(?: had| ate| eat| eaten| having| been eating)+(?: some| a bit of| tea and| toast and)* (?:toast|biscuits|crackers|cookies|tea)(?=[.,!]|$| again| today| all)',
    ),
    unless: /\b(?:on purpose|slimming|diet|trying to lose|doctor is (?:so )?(?:happy|pleased))\b/,
  },
];
