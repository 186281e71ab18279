/**
 * The quick observer: looks at what a caller just said, without a model and in well under a
 * millisecond, for the dangers that must raise an alert within the call.
 */
import type { Observation, Signal } from '../conversation/types.ts';

type Rule = {
  readonly category: string;
  readonly severity: Signal['severity'];
  readonly pattern: RegExp;
  /** What the reply should bear in mind. */
  readonly guidance: string;
};

const FALL_GUIDANCE =
  'The caller mentioned a fall. Ask first whether they are hurt, calmly, and say that their family is being told.';
const CHEST_GUIDANCE =
  'This may be a medical emergency. Ask how they feel right now, and say they should call the emergency number at once.';
const LIFE_GUIDANCE =
  'The caller may be in despair. Stay with them, take it seriously, do not cheer them up; say that somebody who cares is being told.';
const DANGER_GUIDANCE =
  'The caller may be in danger. Stay calm, and say that they should leave if they can and call the emergency number.';
const SCAM_GUIDANCE =
  'This sounds like a swindle. Say so plainly and kindly: pay nothing, give no numbers, speak to the family.';

const EN: readonly Rule[] = [
  {
    category: 'fall',
    severity: 'high',
    pattern:
      /\b(?:i|i've|i have|i'd) (?:just |almost |nearly |actually |sort of |kind of )?(?:had|took|taken|have had) (?:a|another|quite a|a bad|a bit of a|a little) (?:nasty |bad |little )?(?:fall|tumble)\b|\b(?:i|i've) (?:just |actually |kind of |sort of )?(?:fell|fallen|slipped and fell|tripped and fell)(?! asleep| in love| for | behind| out with| ill)\b/,
    guidance: FALL_GUIDANCE,
  },
  {
    category: 'chest-or-breathing',
    severity: 'high',
    pattern:
      /\bmy chest (?:feels?|is) (?:heavy|tight|painful|sore)|\bmy chest (?:hurts|aches)|\bpains? in my chest\b|\bchest pains?\b|\bcan(?:'t|not) (?:catch my breath|breathe)\b/,
    guidance: CHEST_GUIDANCE,
  },
  {
    category: 'stroke-signs',
    severity: 'high',
    pattern:
      /\bface is (?:drooping|droopy|numb)|\b(?:arm|leg|hand|side) (?:has gone|went|is|feels) (?:all )?(?:numb|dead|weak)\b/,
    guidance: CHEST_GUIDANCE,
  },
  {
    category: 'end-of-life',
    severity: 'high',
    pattern:
      /\b(?:don't|do not) want to (?:live|be here|go on)\b(?! (?:in|with|at|there))|\brather not wake up\b|\bwish i (?:was|were) dead\b|\bwant to die\b|\bend it all\b|\bkill myself\b/,
    guidance: LIFE_GUIDANCE,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    pattern:
      /\bi (?:can )?smell gas\b|\b(?:someone|somebody) (?:broke in|is breaking in|is in (?:my|the) house)\b|\b(?:man|stranger|someone|somebody) (?:is )?at my (?:window|door)\b|\b(?:house|kitchen|stove|curtains?) (?:is|are) on fire\b/,
    guidance: DANGER_GUIDANCE,
  },
  {
    category: 'scam',
    severity: 'high',
    pattern:
      /\bpay (?:\w+ ){0,3}(?:in|with) gift cards?\b|\bgave (?:him|her|them) my (?:card|bank|account|pin)\b|\b(?:tax office|irs|bank|police) (?:says?|said|told me|called)\b.*\b(?:owe|pay|transfer|gift cards?)\b/,
    guidance: SCAM_GUIDANCE,
  },
];

const ES: readonly Rule[] = [
  {
    category: 'fall',
    severity: 'high',
    pattern: /(?:^| )me (?:he )?ca(?:í|ido)(?= |$)|(?:^| )(?:tuve|he tenido) una caída(?= |$)/,
    guidance: FALL_GUIDANCE,
  },
  {
    category: 'chest-or-breathing',
    severity: 'high',
    pattern:
      /me duele el pecho|dolor(?:es)? en el pecho|presión en el pecho|no puedo respirar|me falta el aire/,
    guidance: CHEST_GUIDANCE,
  },
  {
    category: 'stroke-signs',
    severity: 'high',
    pattern: /se me ha dormido (?:el brazo|la cara|la pierna)|la cara (?:caída|torcida)/,
    guidance: CHEST_GUIDANCE,
  },
  {
    category: 'end-of-life',
    severity: 'high',
    pattern:
      /no quiero (?:seguir viviendo|vivir más)|ojalá (?:me muriera|no despertara)|quiero morir/,
    guidance: LIFE_GUIDANCE,
  },
  {
    category: 'danger-at-home',
    severity: 'high',
    pattern:
      /huele a gas|han entrado en (?:mi )?casa|hay un hombre en (?:la|mi) (?:ventana|puerta)/,
    guidance: DANGER_GUIDANCE,
  },
  {
    category: 'scam',
    severity: 'high',
    pattern: /tarjetas? (?:de )?regalo|le (?:di|he dado) (?:mi|el número de mi) (?:tarjeta|cuenta)/,
    guidance: SCAM_GUIDANCE,
  },
];

const RULES = { en: EN, es: ES } as const;

/** "I didn't fall", "no dizziness": the words before a match that take it back. */
const DENIED = {
  en: /\b(?:not|no|never|didn't|don't|haven't|without|nearly|almost|if|might|afraid (?:of|to))\s+(?:\w+\s+){0,2}$/,
  es: /(?:^| )(?:no|nunca|sin|casi|si)\s+(?:\S+\s+){0,1}$/,
} as const;

/** Signals, and one line of guidance for the most urgent of them. */
export function observe(text: string, language: 'en' | 'es'): Observation {
  const said = text.toLowerCase().replaceAll('’', "'").replaceAll(/\s+/g, ' ');
  const signals: Signal[] = [];
  const guidance: string[] = [];
  for (const rule of RULES[language]) {
    const match = rule.pattern.exec(said);
    if (!match) continue;
    const own = /^(?:no|don't|do not|can't)/.test(match[0].trim());
    if (!own && DENIED[language].test(said.slice(0, match.index))) continue;
    signals.push({ category: rule.category, severity: rule.severity, evidence: text });
    if (guidance.length === 0) guidance.push(rule.guidance);
  }
  return { signals, guidance };
}
