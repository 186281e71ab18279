/** A caller's own body: what must raise an alert within the call. English. */
import { phrases, type Rule } from './observer-rules.ts';

const ADV =
  '(?:just|actually|sort of|kind of|only|also|really|definitely|must have|did|have|had|think|already|went and|up and)';
const NOT_A_FALL =
  '(?! asleep| ill\\b| sick| silent| pregnant| quiet| apart| to pieces| in love| in with| out with| out of love| behind| back on| back (?:to sleep|asleep)| for (?!a (?:minute|moment))| through the cracks| head over heels| victim| into (?:a (?:deep|habit|trap|conversation|trance)|the (?:habit|trap))| under| off (?:the wagon|my diet)| short| about laughing| on (?:my feet|hard times|deaf ears))';

export const HEALTH_EN: readonly Rule[] = [
  {
    category: 'chest-or-breathing',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      'my chest(?! of)~ (?:heavy|tight(?:ening)?|painful|sore|hurt(?:s|ing)?|ach(?:es|ing|ed)|burn(?:s|ing)|pounding|crushing|being crushed|squeez(?:ed|ing)|pressure|funny)',
      "(?:can't|cannot|can not|couldn't|could not|can hardly|can barely|could hardly|could barely|unable to|struggling to|fighting to|hard to|hard for me to|difficult to|difficulty|trouble|not able to|hardly)~ (?:breathe?|breathing|catch(?:ing)? my breath|get(?:ting)? my breath|get (?:any |enough )?air)(?! (?:a word|easy|for laughing|from laughing))",
      'gasping for (?:air|breath)',
      "i(?:'m| am) (?:choking|suffocating)(?! up)",
      "i(?:'m| am| think i'm| might be| may be)~ having a heart attack",
      "i(?:'ve)?(?: think i)?(?: just)? had a heart attack(?! when| scare| in \\d)",
    ),
    unless: /\b(?:laugh(?:ing|ed)|joke|nearly had|almost had|gave me)\b/,
  },
  {
    category: 'chest-or-breathing',
    severity: 'high',
    denial: 'state',
    pattern: phrases(
      '(?:pains?|pressure|tightness|heaviness|heavy feeling|weight|squeezing|burning|discomfort|ache|elephant)(?: sitting| feeling| right| here| pressing| down)* (?:in|on|across|around|through) my (?:\\w+ )?chest(?! of)',
      'chest pains?',
      '(?:tightness|heaviness) in the chest',
      "(?:so |very |really |awfully |i'm |i am |feel )short of breath",
      'shortness of breath',
    ),
  },
  {
    category: 'stroke-signs',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      '(?:my|side of my|half of my)(?: left| right| whole)?(?: side of my)? (?:face|mouth|cheek|lips?|smile)~ (?:droop\\w*|sagging|sags|numb|crooked|lopsided|twisted|paraly[sz]ed|has dropped)',
      "my (?:left |right |whole |entire )?(?:arms?|hands?|legs?|side|fingers)(?: has| have| is| are|'s| just| all| suddenly| went| feels?| gone| got)* (?:gone |going |went |feels? )?(?:all |completely |so )?(?:numb|paraly[sz]ed|limp|dead|suddenly weak)",
      'my (?:left |right )(?:arm|hand|leg|side)(?: has| just| suddenly| all)* (?:gone|went|is going|feels?)(?: all| so)? weak',
      "(?:can't|cannot|couldn't|can not|unable to) (?:move|feel|lift) (?:my (?:left |right |whole )?(?:arms?|legs?|face|side|hand)|(?:one|the (?:left|right)) (?:side|arm|leg))",
      '(?:my (?:speech|words?)~ (?:slurr\\w*|jumbled|garbled|coming out (?:wrong|funny|jumbled))|slurring my (?:words|speech))',
      "(?:can't|cannot|couldn't) see (?:anything )?(?:out of|from|with|in) (?:one|my (?:left|right)|the (?:left|right)) eye",
      "suddenly (?:can't|cannot|couldn't) (?:see|speak|talk)",
      "i(?:'m| am| think i'm| might be| may be)~ having a stroke(?! of)",
      "i(?: think)?(?: i)?(?:'ve)?(?: just)? had a (?:little |mini[- ]?)?stroke(?! of| in \\d)",
      'worst headache of my life',
    ),
    unless:
      /\b(?:cold|freez\w+|snow|dentist|novocaine|slept on|sat on|laid on|lying on|sitting on|gardening)\b/,
  },
  {
    category: 'fall',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      `i(?:'ve|'d)?(?: ${ADV})* (?:fell|fallen)${NOT_A_FALL}`,
      'i did (?:actually )?fall(?=[.,!]|$| down| over| off| in the| on the)',
      `i(?:'ve|'d)?(?: ${ADV})* (?:had|took|taken|suffered|been having)(?: myself)? (?:a|another|quite a|such a|one of my|a couple of|several|two|some|more)~ (?:falls?|tumbles?|spill)(?! (?:of|colou?rs?|asleep|coat|dryer))`,
      `i(?: ${ADV})* (?:slipped|tripped|stumbled|tumbled|toppled|missed (?:a|the) step)(?: [a-z']+,?){0,7} (?:and|then)(?: then| i| just| also| went)* (?:fell|fallen|went down|hit|hurt|landed|banged|broke|twisted|cracked)${NOT_A_FALL}`,
      `i(?: [a-z']+,?){1,7} and(?: then| i| just| also)* fell${NOT_A_FALL}`,
      `i(?: ${ADV})* slipped (?:in|on|getting (?:in|out)|coming|going|down)(?: of| into| to)?(?: the| my| some| a)* (?:wet )?(?:bath\\w*|shower|tub|ice|stairs?|steps?|floor|kitchen|rug|mat|snow|tiles?|pavement|sidewalk|driveway|garden)`,
      `i(?: ${ADV})* (?:fell|tumbled|toppled|rolled|went)(?: right| straight)? (?:down the (?:stairs|steps)|out of bed|over backwards?|head first)(?! to| for| and| at)`,
      "(?:i keep|i've been|i have been|keep on) falling(?! asleep| behind| for| out| ill| apart| in love| back)",
      "(?:i'm|i am|i was|i've been|been|i ended up|i lay|i laid|i landed|lying|stuck)(?: still| just| here| lying| flat| stuck| down| out)* on the (?:\\w+ )?(?:floor|ground)(?: and|, i)? (?:can't|cannot|couldn't|all night|for|since|unable)",
      "(?:i'm|i am) (?:lying|stuck|flat) (?:here )?on the (?:\\w+ )?(?:floor|ground)",
      "(?:i'm|i am)(?: still| here| down){0,2} on the (?:kitchen |bathroom |bedroom |living room |hall |hallway )?floor(?=[.,!]|$| and| in the| by the| next to| beside| now| help| again| i )(?!(?:,| and)?(?: i'm| i am| just){0,2} (?:doing|playing|stretching|sorting|cleaning|wrapping|laughing|exercising|dusting|scrubbing|petting|meditating))",
      'i(?: just| must have)* (?:ended up|landed|found myself|woke up|was found)(?: flat| lying)* on the (?:\\w+ )?(?:floor|ground)',
      'i(?: just)* went down (?:like|hard|with a)',
      "(?:can't|cannot|couldn't|can not) get (?:back )?up (?:off|from) the (?:floor|ground)",
      'my (?:legs?|knees?)(?: just| suddenly| both)* (?:gave (?:way|out)|buckled)',
    ),
  },
  {
    category: 'fall',
    severity: 'high',
    denial: 'state',
    pattern: phrases(
      `(?<=^(?:well |so |oh |and |yes |yeah |but )?,? ?|, )(?:and |then |just )*(?:fell|had (?:a|another)~ fall|took (?:a|another)~ (?:fall|tumble)|had (?:a|another)~ tumble)(?: (?:over|down|again|yesterday|today|this|last|in (?:the|my)|on (?:the|my)|off (?:the|my)|out of (?:bed|my)|getting|coming|going)|[.,]|$)`,
    ),
  },
  {
    category: 'fainting',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      `i(?:'ve|'d)?(?: ${ADV})* (?:fainted|blacked out|passed out|lost consciousness|had a (?:seizure|blackout|convulsion)|collapsed)(?! into (?:bed|my|the)| with laughter| laughing| on the (?:sofa|couch|bed))`,
      `i(?: [a-z']+,?){1,6} and(?: then| i| just)* (?:fainted|passed out|blacked out|collapsed)(?! into| with laughter| laughing| on the (?:sofa|couch|bed))`,
      'knocked (?:myself )?(?:out cold|unconscious)',
    ),
  },
  {
    category: 'bleeding',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      "i(?:'m| am|'ve been| keep)(?: still)? bleeding(?! the| my heart)",
      "(?:can't|cannot|couldn't) stop (?:the|it|my|this)~ bleeding",
      "(?:bleeding|blood)~ (?:won't stop|wouldn't stop|everywhere|all over|pouring|heavily|badly)",
      '(?:cough(?:ed|ing)?|vomit(?:ed|ing)?|throw(?:ing)?|threw|bring(?:ing)?|spit(?:ting)?)(?: up)? blood',
      "(?:it|my \\w+|that|wound|cut) (?:won't|wouldn't|doesn't) stop bleeding",
    ),
  },
  {
    category: 'overdose',
    severity: 'high',
    denial: 'clause',
    pattern: phrases(
      `i(?:'ve)?(?: ${ADV}| accidentally| may have| might have)* (?:took|taken|swallowed|had) (?:far |way )?(?:too many|too much|double|twice)~ (?:pills?|tablets?|medicine|medication|dose|insulin|meds|painkillers|sleeping pills)`,
      `i(?:'ve)?(?: ${ADV}| accidentally| may have| might have)* (?:overdosed|(?:took|taken) an overdose)`,
      `i(?:'ve)?(?: ${ADV}| accidentally)* (?:took|taken|swallowed) (?:all (?:of )?my|the whole bottle of|a whole bottle of|a bottle of)~ (?:pills?|tablets?|sleeping pills)(?! (?:today|this|already|with|like|on time|as))`,
      '(?:saving|saved|hoarding|stockpiling|collecting) up (?:all )?my (?:pills|tablets|sleeping pills)',
      `i(?:'ve)?(?: ${ADV}| accidentally)* (?:drank|drunk|swallowed)(?: some)? (?:bleach|poison|detergent|antifreeze)`,
    ),
  },
];
