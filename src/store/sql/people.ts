/** Who is on the line: found by number without reading numbers, and known whole in one query. */
import { sql } from 'kysely';
import type { Person } from '../../companion/person.ts';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
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
  }[];
  readonly lastCallAtMs: number | undefined;
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

const PHONE = 'seniors.phone';
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
  memories: { id: string; kind: string; importance: number; text_hex: string }[] | null;
};

/** @param defaultManner what a senior without a setting of their own gets. */
export function peopleIn(sealer: Sealer, defaultManner: Person['manner']) {
  const place = (id: string, column: string) => ({ table: 'seniors', row: id, column });

  function snapshotOf(row: SnapshotRow): PersonSnapshot {
    const profile =
      row.profile_sealed === null
        ? EMPTY
        : profileFrom(sealer.open(place(row.id, 'profile_sealed'), row.profile_sealed));
    return {
      status: row.status,
      callConsent: row.call_consent ?? undefined,
      lastCallAtMs: row.last_call_at?.getTime(),
      memories: (row.memories ?? []).map((memory) => ({
        memoryId: memory.id,
        kind: memory.kind,
        importance: memory.importance,
        text: sealer.open(
          { table: 'memories', row: memory.id, column: 'text_sealed' },
          Buffer.from(memory.text_hex, 'hex'),
        ),
      })),
      person: {
        personId: row.id,
        name: sealer.open(place(row.id, 'name_sealed'), row.name_sealed),
        phone: sealer.open(place(row.id, 'phone_sealed'), row.phone_sealed),
        language: row.language,
        timeZone: row.time_zone,
        ...profile,
        active: row.status !== 'inactive' && row.call_consent !== 'withdrawn',
        manner: { ...defaultManner, ...row.manner },
      },
    };
  }

  async function snapshot(tx: ScopedTransaction, which: ReturnType<typeof sql<boolean>>) {
    const { rows } = await sql<SnapshotRow>`
      select s.id, s.status, s.name_sealed, s.phone_sealed, s.profile_sealed, s.language,
        s.time_zone, s.manner,
        (select c.state from consents c where c.senior_id = s.id and c.kind = 'calls'
          order by c.recorded_at desc, c.id desc limit 1) as call_consent,
        (select max(v.started_at) from conversations v where v.senior_id = s.id) as last_call_at,
        (select json_agg(json_build_object('id', m.id, 'kind', m.kind,
            'importance', m.importance, 'text_hex', encode(m.text_sealed, 'hex'))
            order by m.importance desc, m.id)
          from (select * from memories where senior_id = s.id
            order by importance desc, id limit 50) m) as memories
      from seniors s where ${which} limit 1`.execute(tx);
    const [row] = rows;
    return row === undefined ? undefined : snapshotOf(row);
  }

  return {
    recordConsent: consentWith(sealer),

    /** Whoever has this number (E.164); undefined: nobody, or nobody this scope may see. */
    byPhone: (tx: ScopedTransaction, phone: string): Promise<PersonSnapshot | undefined> =>
      snapshot(
        tx,
        sql<boolean>`s.phone_fingerprint = any (${sealer.fingerprints(PHONE, phone)}::bytea[])`,
      ),

    byId: (tx: ScopedTransaction, seniorId: string): Promise<PersonSnapshot | undefined> =>
      snapshot(tx, sql<boolean>`s.id = ${seniorId}::uuid`),

    /** @returns the id. @throws QueryRefused (23505) where somebody has the number. */
    async add(tx: ScopedTransaction, senior: NewSenior): Promise<string> {
      const id = uuidv7();
      await tx
        .insertInto('seniors')
        .values({
          id,
          family_id: senior.familyId ?? null,
          status: senior.status,
          name_sealed: sealer.seal(place(id, 'name_sealed'), senior.name),
          phone_sealed: sealer.seal(place(id, 'phone_sealed'), senior.phone),
          phone_fingerprint: sealer.fingerprint(PHONE, senior.phone),
          language: senior.language,
          time_zone: senior.timeZone,
          profile_sealed: sealer.seal(place(id, 'profile_sealed'), JSON.stringify(senior.profile)),
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

/** Records what somebody agreed to or took back; the latest holds. */
function consentWith(sealer: Sealer) {
  return async (
    tx: ScopedTransaction,
    seniorId: string,
    consent: {
      readonly kind: 'calls' | 'recording' | 'memory' | 'sharing';
      readonly state: 'given' | 'withdrawn';
      readonly source: 'senior' | 'caregiver' | 'admin';
      /** Who recorded it; undefined: the call itself. */
      readonly recordedBy: string | undefined;
      readonly evidence: string | undefined;
    },
  ): Promise<void> => {
    const id = uuidv7();
    await tx
      .insertInto('consents')
      .values({
        id,
        senior_id: seniorId,
        kind: consent.kind,
        state: consent.state,
        source: consent.source,
        recorded_by: consent.recordedBy ?? null,
        evidence_sealed:
          consent.evidence === undefined
            ? null
            : sealer.seal(
                { table: 'consents', row: id, column: 'evidence_sealed' },
                consent.evidence,
              ),
      })
      .execute();
  };
}
