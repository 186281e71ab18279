/** Who is on the line, as far as the companion knows. */

/** A person the line calls or is called by. */
export type Person = {
  readonly personId: string;
  /** What they like to be called. */
  readonly name: string;
  /** E.164. The only number they are ever called on. */
  readonly phone: string;
  readonly language: 'en' | 'es';
  /** IANA name. */
  readonly timeZone: string;
  /** Self-contained sentences: health, habits, likes. */
  readonly facts: readonly string[];
  /** Self-contained sentences about family and friends. */
  readonly people: readonly string[];
  /** What the last conversation left open. */
  readonly followUps: readonly string[];
  /** False: not dialled, and nothing personal is said when they call in. */
  readonly active: boolean;
  /** Turn-taking that suits them. */
  readonly manner: {
    /** Probability 0.5–1 at which a turn counts as ended. */
    readonly eotThreshold: number;
    /** Probability 0.3–0.9 at which an answer is drafted. */
    readonly eagerEotThreshold: number;
    /** Silence that ends a turn whatever was said. */
    readonly eotTimeoutMs: number;
    /** The voice's pace; 1 is its own. */
    readonly speechSpeed: number;
  };
};

/** Patient by default: older people pause within sentences. */
export const DEFAULT_MANNER: Person['manner'] = {
  eotThreshold: 0.8,
  eagerEotThreshold: 0.5,
  eotTimeoutMs: 5_000,
  speechSpeed: 0.9,
};

/** Somebody nobody knows yet: friendly, and nothing is assumed. */
export function stranger(phone: string, timeZone = 'America/New_York'): Person {
  return {
    personId: 'unknown',
    name: '',
    phone,
    language: 'en',
    timeZone,
    facts: [],
    people: [],
    followUps: [],
    active: true,
    manner: DEFAULT_MANNER,
  };
}

/** What may be said to somebody who is not active: their language and pace, and nothing personal. */
export function withoutPersonalData(person: Person): Person {
  return { ...person, name: '', facts: [], people: [], followUps: [] };
}

/** Nothing is known of them, or nothing of it may be said. */
export function isWithoutPersonalData({ name, facts, people, followUps }: Person): boolean {
  return name === '' && facts.length + people.length + followUps.length === 0;
}
