/** How one says in English that one does not want to be called; see message-meaning.ts. */
import type { Stops } from './message-meaning.ts';

const FILL =
  '(?:(?:please|pls|plz|kindly|just|now|right now|ok|okay|hey|hello|hi|sir|madam|maam|well|so|but|listen|look|really|immediately|all of you|you people|i said|i beg you|thank you|thanks|for the last time|for (?:gods|heavens|goodness) sake|good (?:morning|afternoon|evening|day)) )*';
const REQUEST = `(?:(?:you (?:people )?(?:must|should|need to|have to|ought to|had better|better)|(?:can|could|would) you|will you please|(?:i|we) (?:really )?(?:want|need|ask|beg|order|would like|have asked|asked|told|am asking|am telling|keep asking|keep telling) you(?: people| all| lot)? to|(?:id|wed) like you to|im (?:asking|telling|begging) you to|want you to|i wish (?:you would|youd)) ${FILL})?`;
const CALLED =
  '(?:me|us|here|this (?:number|phone|house|line)|my (?:number|phone|telephone|house|home|mother|mom|mum|father|dad))';
/** Behind it: for how long, politeness, or a new beginning. Anything else narrows it down. */
const TAIL = `(?: (?:any ?more|again|ever|any longer|please|pls|thanks|thank you|now|right now|at once|immediately|for good|forever|at all|altogether|completely|from now on|here|(?:at|on) this number|from (?:you|this number|your (?:company|number))|by you|you people|i said|(?<=(?:more|again|ringing me|phoning me) )(?:dear|love|darling)))*(?:$| (?:(?<=(?:more|again) )(?:my|he|she|they)|and|or|but(?! (?:on|at|only|not|in|after|before|for|when|during) )|because|since|i|im|ive|ill|id|we|were|its|it is|this is|you|youre|leave|take|remove|so (?!early|often|late|much|many|soon|loud|frequently|long)[a-z]+)(?: |$))`;
const CALLING = '(?:calling|phoning|ringing|telephoning|contacting|bothering|harassing|pestering)';
const CALL = '(?:call|phone|ring|telephone|contact|bother)';

const asked = [
  `(?:stop|quit|cease) ${CALLING}(?: ${CALLED})?`,
  '(?:stop|quit|cease) (?:(?:all|these|those|the|your|any|making|with) )*(?:phone )?calls',
  '(?:take|remove|delete|get) (?:me|us|my (?:name|number|phone number)|this number|our number) (?:off|from|out of) (?:of )?(?:your|the|this|that|all) (?:call |calling |phone |contact )?(?:lists?|records|system|database)',
  '(?:delete|remove) (?:my|this) (?:phone )?number',
  '(?:i|we) (?:want|would like) to be (?:taken off|removed from) (?:your|the|this) (?:call |calling |phone )?list',
  '(?:(?:i|we) )?(?:really |just )?(?:do not|dont|no longer) (?:really )?(?:want|wish for) (?:(?:any |more |any more |any of |more of |any more of )?(?:these |those |the |your )?(?:phone )?calls)',
  '(?:(?:i|we) )?(?:really |just )?(?:do not|dont|no longer) (?:really )?(?:want|wish) to (?:be (?:called|phoned|contacted)|(?:get|receive|have) (?:any |more |any more )?(?:of )?(?:these |your )?(?:phone )?calls)',
  `(?:(?:i|we) )?(?:really |just )?(?:do not|dont|no longer) (?:really )?want you(?: people)? (?:to (?:ever )?${CALL}|${CALLING})(?: ${CALLED})?`,
  'no more (?:phone )?calls',
].join('|');

const FORBID =
  '(?:(?:do not|dont)(?: you)?|never|no longer|you (?:must|should|may) (?:not|never)|you (?:mustnt|shouldnt)|you are not (?:allowed )?to|(?:i|we) (?:ask|beg|want|asked|told) you (?:not to|to never)|(?:can|could|would|will) you (?:please|kindly) not|(?:id|i would) (?:rather|prefer) you (?:did not|didnt|not))';

export const STOPS_EN: Stops = {
  asked: new RegExp(`^${FILL}${REQUEST}(?:${asked})${TAIL}`),
  forbidden: new RegExp(
    `^${FILL}${FORBID}(?: ever| dare| dare to| please)* (?:(?:call|phone|ring|telephone|contact)(?: ${CALLED})?|bother (?:me|us))${TAIL}`,
  ),
  forEver: /\b(?:any ?more|again|ever|any longer|for good|forever|at all)\b/,
  forNow:
    /\b(?:today|tonight|tomorrow|until|till|asleep|sleeping|resting|busy|away|out|shopping|church|holiday|vacation|hospital|doctors?|dentists?|appointment|this (?:morning|afternoon|evening|week|weekend|month)|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|visitors?|lunch|dinner|later)\b/,
  others:
    /\b(?:they|he|she|who|nobody|noone|no one|everyone|everybody|people|family|relatives|children|child|kids|sons?|daughters?|grand\w+|nephews?|nieces?|brothers?|sisters?|friends?|neighbou?rs?|boys?|girls?)\b/,
  doubt:
    /\b(?:if|unless|when|whenever|afraid|fear|scared|worry|worried|hope|hoping|wish|imagine|suppose|dream\w*|might|forget|instead of|rather than)\b|\b(?:says?|said|saying|writes?|wrote|tells?|told)(?: (?:you|me|us))?$/,
  narrowed:
    /^(?:please )?(?:before|after|until|till|at|on|in|when|while|during|except|only|unless|so (?:early|often|late|much)|(?:to)?(?:day|night|morrow)|if (?!you (?:please|would|could|do not|dont)))\b/,
  request: /\b(?:please|pls|plz|kindly|(?:can|could|would) you)\b/,
  wanted:
    /\b(?:(?:i|will|would|ill) miss (?:you|your|our|the|these|it|talking)|regret|changed my mind|by mistake|joking|kidding|(?:do not|dont|never|not) (?:ever )?stop (?:calling|phoning|ringing)|please (?:keep|go on|continue) (?:on )?(?:calling|phoning|ringing)|^keep (?:on )?calling)\b/,
};
