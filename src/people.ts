/**
 * Who the line knows, as routes and calls see it, and the file `people.json` in the data directory
 * that says who is there at first. From there people are taken into the database, which is the truth
 * from then on.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DEFAULT_MANNER, stranger, type Person } from './companion/person.ts';
import { ConfigError } from './errors.ts';

const sentence = z.string().min(1).max(300);

/** An object whose fields are all known: a misspelt one would be lost without a word. Tells no names. */
function known<Shape extends z.ZodRawShape>(shape: Shape) {
  const names = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys' ? `has a field that is none of ${names}` : undefined,
  });
}

/** What may stand in the file; more than the line needs of a person. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** The family of those for whom the file names none. */
const HOUSEHOLD = 'household';

const personSchema = known({
  family: z.string().min(1).max(80).default(HOUSEHOLD),
  personId: z.string().regex(NAME, 'must be 1 to 64 letters, digits, - or _'),
  name: z.string().max(80).default(''),
  phone: z.string().regex(/^\+[1-9]\d{6,14}$/, 'must be a number like +15555550142'),
  language: z.enum(['en', 'es']).default('en'),
  timeZone: z.string().refine(isTimeZone, 'must be an IANA time zone').default('America/New_York'),
  facts: z.array(sentence).max(50).default([]),
  people: z.array(sentence).max(50).default([]),
  followUps: z.array(sentence).max(20).default([]),
  active: z.boolean().default(true),
  manner: known({
    eotThreshold: z.number().min(0.5).max(1).default(DEFAULT_MANNER.eotThreshold),
    eagerEotThreshold: z.number().min(0.3).max(0.9).default(DEFAULT_MANNER.eagerEotThreshold),
    eotTimeoutMs: z.int().min(500).max(60_000).default(DEFAULT_MANNER.eotTimeoutMs),
    speechSpeed: z.number().min(0.7).max(1.2).default(DEFAULT_MANNER.speechSpeed),
  }).default(DEFAULT_MANNER),
});

const fileSchema = z
  .array(personSchema)
  .max(10_000)
  .superRefine((people, { addIssue }) => {
    const first = new Map<string, number>();
    for (const [index, { personId }] of people.entries()) {
      const before = first.get(personId);
      if (before === undefined) first.set(personId, index);
      else {
        const message = `is that of entry ${before} already`;
        addIssue({ code: 'custom', path: [index, 'personId'], message });
      }
    }
  });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

export type People = {
  /** Whoever has this number; a stranger where nobody has. */
  byPhone(phone: string): Person;
  byId(personId: string): Person | undefined;
};

export function peopleFrom(list: readonly Person[]): People {
  const byPhone = new Map(list.map((person) => [person.phone, person]));
  const byId = new Map(list.map((person) => [person.personId, person]));
  return {
    byPhone: (phone) => byPhone.get(phone) ?? stranger(phone),
    byId: (personId) => byId.get(personId),
  };
}

/** One entry of the file, with the names that it has there. */
export type PersonEntry = { readonly person: Person; readonly family: string };

/**
 * Reads the file; a missing file is an empty book.
 * @throws ConfigError where it cannot be read, or naming the fields that are wrong and what may stand
 * there, never what stands there.
 */
export async function readPeopleFile(dataDir: string): Promise<PersonEntry[]> {
  let text: string;
  try {
    text = await readFile(join(dataDir, 'people.json'), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') return [];
    throw new ConfigError([`people.json cannot be read (${code})`]);
  }
  const parsed = fileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data.map(({ family, ...person }) => ({ person, family }));
  throw new ConfigError(
    parsed.error.issues
      .slice(0, 20)
      .map(({ path, message }) =>
        ['people.json', ...(path.length > 0 ? [path.join('.')] : []), message].join(' '),
      ),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigError(['people.json is not JSON']);
  }
}
