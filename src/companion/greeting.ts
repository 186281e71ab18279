/** The first words of a call: in local-time wording, and honest about what is speaking. */
import type { Person } from './person.ts';

/** Hour of the day, 0–23, where the person lives. */
export function localHour(at: Date, timeZone: string): number {
  const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', hourCycle: 'h23', timeZone });
  return Number(hour.format(at));
}

const PART_OF_DAY = {
  en: { morning: 'Good morning', afternoon: 'Good afternoon', evening: 'Good evening' },
  es: { morning: 'Buenos días', afternoon: 'Buenas tardes', evening: 'Buenas noches' },
} as const;

/** The first hour of the evening. In Spanish the afternoon lasts until dark. */
const EVENING_HOUR = { en: 18, es: 20 } as const;

function salutation(person: Person, at: Date): string {
  const hour = localHour(at, person.timeZone);
  const evening = EVENING_HOUR[person.language];
  const part =
    hour >= 4 && hour < 12 ? 'morning' : hour >= 12 && hour < evening ? 'afternoon' : 'evening';
  const words = PART_OF_DAY[person.language][part];
  return person.name === '' ? `${words}.` : `${words}, ${person.name}.`;
}

/** Openings that are used in turn, so that no two calls running begin alike. */
const OUTBOUND = {
  en: [
    'This is your AI companion, calling to see how you are. How has your day been?',
    "It's your AI companion on the line. I was thinking of you. How are you feeling today?",
    "This is your AI companion. It's lovely to reach you. What have you been up to?",
  ],
  es: [
    'Soy su compañera de inteligencia artificial. Llamaba para saber cómo está. ¿Qué tal su día?',
    'Le llama su compañera de inteligencia artificial. ¿Cómo se encuentra hoy?',
  ],
} as const;

const INBOUND = {
  en: [
    "This is your AI companion. It's good to hear from you. What's on your mind?",
    "You've reached your AI companion. I'm glad you called. How can I help?",
  ],
  es: [
    'Soy su compañera de inteligencia artificial. Me alegra que llame. ¿En qué puedo ayudarle?',
    'Le atiende su compañera de inteligencia artificial. ¿Qué me cuenta?',
  ],
} as const;

export type GreetingRequest = {
  readonly person: Person;
  readonly direction: 'inbound' | 'outbound';
  readonly at: Date;
  /** How many calls this person has had; chooses the wording. */
  readonly callNumber: number;
};

/**
 * A greeting in two parts, each spoken in one breath: the salutation, which depends on who it is and
 * on the hour, and the opening, which is one of a few and can be made long before any call.
 */
export function greetingParts({
  person,
  direction,
  at,
  callNumber,
}: GreetingRequest): readonly [salutation: string, opening: string] {
  const choices = (direction === 'outbound' ? OUTBOUND : INBOUND)[person.language];
  return [salutation(person, at), choices[callNumber % choices.length] ?? choices[0]];
}

/** Whole sentences, ready to be spoken. */
export function greeting(request: GreetingRequest): string {
  return greetingParts(request).join(' ');
}

/** Every part of a greeting that does not depend on who it is. */
export function commonGreetingParts(language: 'en' | 'es'): readonly string[] {
  const salutations = Object.values(PART_OF_DAY[language]).map((words) => `${words}.`);
  return [...INBOUND[language], ...salutations, ...OUTBOUND[language]];
}
