/** What the quick observer's rules are made of. The rules themselves are in observer-*-{en,es}.ts. */
import type { Signal } from '../conversation/types.ts';

/**
 * Kinds of signal in order of priority: safety, end of life, health, cognition, daily living,
 * nutrition, emotion, reminders, goodbye, engagement, the rest. A category's valence, where it has
 * one, is in its name; its intensity is the severity.
 */
export const CATEGORIES = [
  // Safety.
  'emergency',
  'danger-at-home',
  'abuse',
  'lost',
  'scam',
  'crime',
  // End of life.
  'end-of-life',
  'burden',
  // Health.
  'chest-or-breathing',
  'stroke-signs',
  'fall',
  'fainting',
  'bleeding',
  'overdose',
  'unsteady',
  'dizziness',
  'medication-trouble',
  'pain',
  'illness',
  'someone-elses-health',
  // Cognition.
  'cognition',
  // Daily living.
  'daily-living',
  'home-trouble',
  // Nutrition.
  'nutrition',
  // Emotion.
  'loss',
  'loneliness',
  'emotion-negative',
  'emotion-positive',
  // Reminders.
  'reminder-refused',
  'reminder-postponed',
  'reminder-confirmed',
  'reminder-acknowledged',
  // Goodbye.
  'goodbye-strong',
  'goodbye-weak',
  // Engagement.
  'short-reply',
  // The rest.
  'help-request',
  'transport',
  'look-up',
  'question',
  'reminiscence',
  'family',
] as const;

export type Category = (typeof CATEGORIES)[number];

/**
 * How the words before a match can take it back.
 * - `clause`: the match has its own subject and verb ("I fell"); only "if", "it's not that" and the
 *   like undo it, and "I don't know how I fell" does not.
 * - `fact`: a negation before it in the same clause undoes it ("no smell of gas").
 * - `state`: so does a negation, and the nearest person named before it must be the caller ("my
 *   neighbour has chest pains").
 * - `asserted`: nothing undoes it.
 */
export type Denial = 'clause' | 'fact' | 'state' | 'asserted';

export type Rule = {
  readonly category: Category;
  readonly severity: Signal['severity'];
  /** Matched against a folded sentence; see fold(). */
  readonly pattern: RegExp;
  readonly denial: Denial;
  /** Figures of speech and harmless company, anywhere in the sentence. */
  readonly unless?: RegExp;
  /** The same, but only in the clause of the match: a plumber who has left explains no burglar. */
  readonly unlessNear?: RegExp;
  /** Somebody else does it: it does not count when it was on television or in a book. */
  readonly reported?: boolean;
};

/** Up to three words, none of them a negation, each with the space before it. */
const GAP = String.raw`(?:,? (?!(?:not|no|never|nor|without|nunca|sin|ni) |[a-z]+n't )[a-z0-9'-]+){0,3}`;

/**
 * One pattern out of phrases, each a regular expression; `~` stands for up to three words without a
 * negation. Every repetition in them is bounded, so that time grows with the text and no faster.
 */
export function phrases(...alternatives: readonly string[]): RegExp {
  const sources = alternatives.map((phrase) => phrase.replaceAll('~', GAP));
  return new RegExp(String.raw`\b(?:${sources.join('|')})(?![a-z0-9])`, 'g');
}

/**
 * What the reply should bear in mind, one line each. Where there is none the model needs no help. None
 * may promise that anybody is told: nothing sends alerts yet.
 */
export const GUIDANCE: Readonly<Partial<Record<Category, string>>> = {
  emergency:
    'The caller asks for urgent help. Stay calm, and say that they should hang up and call the emergency number at once; you cannot call for them.',
  'danger-at-home':
    'The caller may be in danger. Stay calm, and say that they should leave if they can and call the emergency number.',
  abuse:
    'Somebody may be hurting the caller. Believe them, stay calm, ask whether they are safe right now, and promise nothing you cannot do.',
  lost: 'The caller may not know where they are. Keep them calm and where they are, and ask what they see around them.',
  scam: 'This sounds like a swindle. Say so plainly and kindly: pay nothing, give no numbers, speak to the family.',
  crime:
    'The caller may have been robbed or hurt. Ask whether they are safe now, and suggest the police and the family.',
  'end-of-life':
    'The caller may be in despair. Stay with them, take it seriously, do not cheer them up; ask them to call somebody close, or the emergency number if they might harm themselves.',
  burden:
    'The caller feels like a burden. Take it seriously and say that they matter; do not argue.',
  'chest-or-breathing':
    'This may be a medical emergency. Ask how they feel right now, and say they should call the emergency number at once.',
  'stroke-signs':
    'These may be signs of a stroke. Say calmly that they should hang up and call the emergency number at once; you cannot call for them.',
  fall: 'The caller mentioned a fall. Ask first whether they are hurt, calmly; if they are, or cannot get up, they should call the emergency number. You may say that you have noted it.',
  fainting:
    'The caller may have lost consciousness. Ask how they are right now; if they are not well, they should call the emergency number. You may say that you have noted it.',
  bleeding:
    'The caller is bleeding. Ask whether it has stopped; if not, they should call the emergency number.',
  overdose:
    'The caller may have taken too much medicine. Say that they should call the emergency number or a doctor at once.',
  unsteady:
    'The caller is unsteady on their feet. Ask them gently to sit down, and how it happened.',
  dizziness:
    'The caller feels dizzy. Ask whether they are sitting safely, and how long it has lasted.',
  'medication-trouble':
    'Something is wrong with their medicine. Ask what happened, advise no dose, suggest the doctor or pharmacist.',
  pain: 'The caller is in pain. Ask where and since when; if it is bad or new, suggest their doctor.',
  illness:
    'The caller is not well. Ask how they are managing; if it goes on, suggest their doctor.',
  'someone-elses-health':
    'Somebody close to the caller is unwell or hurt. Ask how they are, and whether help is there.',
  cognition:
    'The caller is confused or forgetful. Be patient, orient them gently, never correct or test them.',
  'daily-living':
    'Everyday things are getting hard. Ask kindly who helps them, without taking over.',
  'home-trouble':
    'Something at home does not work. Ask whether they are warm and safe, and who could come.',
  nutrition:
    'The caller may not be eating enough. Ask gently what they would enjoy, and whether there is food at home.',
  loss: 'This is grief. Stay with it, let them tell; no reminders now, no cheering up.',
  loneliness:
    'The caller feels lonely. Stay with the feeling before suggesting anybody they might call.',
  'emotion-negative': 'The caller feels low. Name the feeling and listen; do not hurry to fix it.',
  'emotion-positive': 'The caller is glad. Share it.',
  'reminder-refused': 'The caller refuses. Accept it without pressing; ask once, kindly, why.',
  'reminder-postponed': 'The caller wants to do it later. Accept that.',
  'help-request':
    'The caller asks for help. Ask what exactly they need, and promise only what you can do.',
  transport: 'The caller needs to get somewhere. Ask when and where, and who usually takes them.',
  'look-up':
    'If you do not know the answer for certain, say so; never make up news, weather or results.',
  'short-reply': 'A very short answer. Offer something small of your own, or one easy question.',
};
