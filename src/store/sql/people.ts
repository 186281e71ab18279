/** Who is on the line: found by number without reading numbers, and known whole in one query. */
import { sql } from 'kysely';
import type { Person } from '../../companion/person.ts';
import { SEAL_KEY_BYTES, SealBroken, type Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import { consentWith } from './consents.ts';
import { QueryRefused } from './database-errors.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** What is kept sealed about a senior beside name and number. */
export type Profile = Pick<Person, 'facts' | 'people' | 'followUps'>;

/** All that a call needs to know at its start. */
export type PersonSnapshot = {
  readonly person: Person;
  readonly status: 'prospect' | 'active' | 'inactive';
  /** The last word on being called; undefined: nobody was asked. */
  readonly callConsent: 'given' | 'withdrawn' | undefined;
  /** The most important memories, the weightiest first; at most 50. */
  readonly memories: readonly {
    readonly memoryId: string;
    readonly kind: string;
    readonly text: string;
    readonly importance: number;
    /** Unix milliseconds. */
    readonly createdAtMs: number;
  }[];
  /** Those that are spoilt are not among them. */
  readonly spoiltMemories: number;
  readonly lastCallAtMs: number | undefined;
};

/** Of the people asked for, those that could be opened, and of the others why not. */
export type PeopleFound = {
  readonly found: readonly PersonSnapshot[];
  readonly unreadable: readonly { readonly id: string; readonly why: SealBroken }[];
};

export type NewSenior = {
  readonly familyId: string | undefined;
  readonly status: 'prospect' | 'active' | 'inactive';
  readonly name: string;
  /** E.164. */
  readonly phone: string;
  readonly language: 'en' | 'es';
  readonly timeZone: string;
  readonly profile: Profile;
  readonly manner: Partial<Person['manner']>;
};

export type PeopleStore = ReturnType<typeof peopleIn>;

/** What telephone numbers' fingerprints are made for. */
export const PHONE_PURPOSE = 'seniors.phone';
const EMPTY: Profile = { facts: [], people: [], followUps: [] };

type SnapshotRow = {
  id: string;
  status: 'prospect' | 'active' | 'inactive';
  name_sealed: Buffer;
  phone_sealed: Buffer;
  profile_sealed: Buffer | null;
  language: 'en' | 'es';
  time_zone: string;
  manner: Record<string, number>;
  call_consent: 'given' | 'withdrawn' | null;
  last_call_at: Date | null;
  memories:
    { id: string; kind: string; importance: number; created_ms: number; text_hex: string }[] | null;
};

export function seniorPlace(id: string, column: string) {
  return { table: 'seniors', row: id, column };
}

/** Somebody has this number (E.164) under an older key, which the column's uniqueness cannot see. */
export async function isHeldUnderOlderKey(
  tx: ScopedTransaction,
  sealer: Sealer,
  phone: string,
): Promise<boolean> {
  const [, ...older] = sealer.fingerprints(PHONE_PURPOSE, phone);
  if (older.length === 0) return false;
  const row = await tx
    .selectFrom('seniors')
    .select('id')
    .where('phone_fingerprint', 'in', older)
    .executeTakeFirst();
  return row !== undefined;
}

/** @param importStamp says which version of an imported entry this is; undefined: it is edited here. */
export function sealProfile(
  sealer: Sealer,
  id: string,
  profile: Profile,
  importStamp?: string,
): Buffer {
  const value = importStamp === undefined ? profile : { ...profile, importStamp };
  return sealer.seal(seniorPlace(id, 'profile_sealed'), JSON.stringify(value));
}

/** The stamp a profile was imported with; undefined where it was edited since, or never imported. */
export function importedAs(sealer: Sealer, id: string, sealed: Uint8Array): string | undefined {
  const text = sealer.open(seniorPlace(id, 'profile_sealed'), sealed);
  const { importStamp } = JSON.parse(text) as { importStamp?: unknown };
  return typeof importStamp === 'string' ? importStamp : undefined;
}

function snapshotWith(sealer: Sealer, defaultManner: Person['manner']) {
  return (row: SnapshotRow): PersonSnapshot => {
    const profile =
      row.profile_sealed === null
        ? EMPTY
        : profileFrom(sealer.open(seniorPlace(row.id, 'profile_sealed'), row.profile_sealed));
    const memories = (row.memories ?? []).flatMap((memory) => memoryFrom(sealer, memory));
    return {
      status: row.status,
      callConsent: row.call_consent ?? undefined,
      lastCallAtMs: row.last_call_at?.getTime(),
      memories,
      spoiltMemories: (row.memories?.length ?? 0) - memories.length,
      person: {
        personId: row.id,
        name: sealer.open(seniorPlace(row.id, 'name_sealed'), row.name_sealed),
        phone: sealer.open(seniorPlace(row.id, 'phone_sealed'), row.phone_sealed),
        language: row.language,
        timeZone: row.time_zone,
        ...profile,
        active: row.status !== 'inactive' && row.call_consent !== 'withdrawn',
        manner: { ...defaultManner, ...row.manner },
      },
    };
  };
}

type MemoryRow = NonNullable<SnapshotRow['memories']>[number];

/** None where it is spoilt: one thing forgotten makes nobody a stranger. @throws for a missing key. */
function memoryFrom(sealer: Sealer, row: MemoryRow): PersonSnapshot['memories'] {
  const place = { table: 'memories', row: row.id, column: 'text_sealed' };
  try {
    const text = sealer.open(place, Buffer.from(row.text_hex, 'hex'));
    const { kind, importance, created_ms: createdAtMs } = row;
    return [{ memoryId: row.id, kind, importance, createdAtMs, text }];
  } catch (error) {
    if (error instanceof SealBroken && error.reason !== 'unknown-key') return [];
    throw error;
  }
}

async function rowsOf(
  tx: ScopedTransaction,
  which: ReturnType<typeof sql<boolean>>,
  limit: number,
): Promise<SnapshotRow[]> {
  const { rows } = await sql<SnapshotRow>`
    select s.id, s.status, s.name_sealed, s.phone_sealed, s.profile_sealed, s.language,
      s.time_zone, s.manner,
      (select c.state from consents c where c.senior_id = s.id and c.kind = 'calls'
        order by c.recorded_at desc, c.id desc limit 1) as call_consent,
      (select max(v.started_at) from conversations v where v.senior_id = s.id) as last_call_at,
      (select json_agg(json_build_object('id', m.id, 'kind', m.kind,
          'importance', m.importance,
          'created_ms', floor(extract(epoch from m.created_at) * 1000), 'text_hex', encode(m.text_sealed, 'hex'))
          order by m.importance desc, m.id)
        from (select * from memories where senior_id = s.id
          order by importance desc, id limit 50) m) as memories
    from seniors s where ${which} order by s.id limit ${limit}`.execute(tx);
  return rows;
}

/** @param defaultManner what a senior without a setting of their own gets. */
export function peopleIn(sealer: Sealer, defaultManner: Person['manner']) {
  const place = seniorPlace;

  const snapshotOf = snapshotWith(sealer, defaultManner);

  async function snapshot(
    tx: ScopedTransaction,
    which: ReturnType<typeof sql<boolean>>,
  ): Promise<PersonSnapshot | undefined> {
    const [first] = await rowsOf(tx, which, 1);
    return first && snapshotOf(first);
  }

  return {
    recordConsent: consentWith(sealer),

    /** Whoever has this number (E.164); undefined: nobody, or nobody this scope may see. */
    byPhone: (tx: ScopedTransaction, phone: string): Promise<PersonSnapshot | undefined> =>
      snapshot(
        tx,
        sql<boolean>`s.phone_fingerprint = any (${sealer.fingerprints(PHONE_PURPOSE, phone)}::bytea[])`,
      ),

    /** Those of these ids that are there, by id. */
    async byIds(tx: ScopedTransaction, seniorIds: readonly string[]): Promise<PeopleFound> {
      const which = sql<boolean>`s.id = any (${seniorIds}::uuid[])`;
      const found: PersonSnapshot[] = [];
      const unreadable: { id: string; why: SealBroken }[] = [];
      for (const row of await rowsOf(tx, which, seniorIds.length)) {
        try {
          found.push(snapshotOf(row));
        } catch (error) {
          if (!(error instanceof SealBroken)) throw error;
          unreadable.push({ id: row.id, why: error });
        }
      }
      return { found, unreadable };
    },

    versions,

    /** @throws SealBroken where a key that people were written under is not in the ring. */
    async requireKeys(tx: ScopedTransaction): Promise<void> {
      const { rows } = await sql<{ head: Buffer }>`
        select distinct substring(sealed from 1 for ${SEAL_KEY_BYTES}::int) as head from seniors,
          lateral (values (name_sealed), (phone_sealed), (profile_sealed)) as each (sealed)
        where sealed is not null`.execute(tx);
      if (rows.some(({ head }) => sealer.lacksKeyOf(head))) throw new SealBroken('unknown-key');
    },

    byId: (tx: ScopedTransaction, seniorId: string): Promise<PersonSnapshot | undefined> =>
      snapshot(tx, sql<boolean>`s.id = ${seniorId}::uuid`),

    /** @returns the id. @throws QueryRefused (23505) where somebody has the number. */
    async add(tx: ScopedTransaction, senior: NewSenior): Promise<string> {
      if (await isHeldUnderOlderKey(tx, sealer, senior.phone)) {
        throw new QueryRefused('23505', 'seniors');
      }
      const id = uuidv7();
      await tx
        .insertInto('seniors')
        .values({
          id,
          family_id: senior.familyId ?? null,
          status: senior.status,
          name_sealed: sealer.seal(place(id, 'name_sealed'), senior.name),
          phone_sealed: sealer.seal(place(id, 'phone_sealed'), senior.phone),
          phone_fingerprint: sealer.fingerprint(PHONE_PURPOSE, senior.phone),
          language: senior.language,
          time_zone: senior.timeZone,
          profile_sealed: sealProfile(sealer, id, senior.profile),
          manner: JSON.stringify(senior.manner),
        })
        .execute();
      return id;
    },
  };
}

function profileFrom(text: string): Profile {
  const value = JSON.parse(text) as Partial<Record<keyof Profile, unknown>>;
  const sentences = (list: unknown): string[] =>
    Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
  return {
    facts: sentences(value.facts),
    people: sentences(value.people),
    followUps: sentences(value.followUps),
  };
}

/**
 * Everybody's id, and a word that is another one whenever what is known of them has changed:
 * themselves, their consents, their memories.
 */
async function versions(tx: ScopedTransaction): Promise<{ id: string; version: string }[]> {
  const { rows } = await sql<{ id: string; version: string }>`
    select s.id, concat_ws('/', s.xmin::text,
      (select count(*)::text || max(c.id::text) from consents c where c.senior_id = s.id),
      (select count(*)::text || max(m.updated_at)::text from memories m
        where m.senior_id = s.id)) as version
    from seniors s`.execute(tx);
  return rows;
}
