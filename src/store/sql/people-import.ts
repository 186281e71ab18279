/**
 * Takes people from a file into the database. The file says who is there at first; from then on the
 * database is the truth. A person whose entry in the file has changed since it was imported is
 * changed here too, unless somebody has edited their profile in the meantime.
 */
import { createHash } from 'node:crypto';
import type { Person } from '../../companion/person.ts';
import { SealBroken, type Sealer } from '../sealed-text.ts';
import {
  importedAs,
  isHeldUnderOlderKey,
  PHONE_PURPOSE,
  sealProfile,
  seniorPlace,
} from './people.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** `person.personId` is the senior's id, a UUID that is the same each time. */
export type ImportedPerson = {
  readonly person: Person;
  readonly family: { readonly id: string; readonly name: string };
};

export type ImportResult = {
  readonly added: number;
  readonly changed: number;
  /** Ids of those whose telephone number somebody else has; they are left out. */
  readonly refused: readonly string[];
};

/** Idempotent; several instances may do it at once. At most some hundreds of entries per call. */
export async function importPeople(
  tx: ScopedTransaction,
  sealer: Sealer,
  entries: readonly ImportedPerson[],
): Promise<ImportResult> {
  const families = new Map(entries.map(({ family }) => [family.id, family.name]));
  for (const [id, name] of families) await addFamily(tx, sealer, id, name);
  const ids = entries.map(({ person }) => person.personId);
  const known = await tx
    .selectFrom('seniors')
    .select(['id', 'profile_sealed'])
    .where('id', 'in', ids.length === 0 ? [''] : ids)
    .execute();
  const profiles = new Map(known.map((row) => [row.id, row.profile_sealed]));
  let added = 0;
  let changed = 0;
  const refused: string[] = [];
  for (const entry of entries) {
    const { personId } = entry.person;
    const values = rowOf(sealer, entry);
    const profile = profiles.get(personId);
    if (profile === undefined) {
      const isHeld = await isHeldUnderOlderKey(tx, sealer, entry.person.phone);
      if (!isHeld && (await add(tx, values))) added += 1;
      else if (!(await isThere(tx, personId))) refused.push(personId);
      continue;
    }
    const before = profile === null ? undefined : stampIn(sealer, personId, profile);
    if (before === undefined || before === stampOf(entry)) continue;
    if (await change(tx, sealer, values, entry.person.phone)) changed += 1;
    else refused.push(personId);
  }
  return { added, changed, refused };
}

/** What a spoilt profile was imported as is not known; the file's takes its place. */
function stampIn(sealer: Sealer, id: string, profile: Uint8Array): string | undefined {
  try {
    return importedAs(sealer, id, profile);
  } catch (error) {
    if (error instanceof SealBroken && error.reason !== 'unknown-key') return 'spoilt';
    throw error;
  }
}

/** What tells a changed entry from one that was imported already. */
function stampOf({ person, family }: ImportedPerson): string {
  const text = JSON.stringify([person, family]);
  return createHash('sha256').update(text).digest('base64url');
}

async function addFamily(
  tx: ScopedTransaction,
  sealer: Sealer,
  id: string,
  name: string,
): Promise<void> {
  await tx
    .insertInto('families')
    .values({
      id,
      name_sealed: sealer.seal({ table: 'families', row: id, column: 'name_sealed' }, name),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}

type Row = ReturnType<typeof rowOf>;

function rowOf(sealer: Sealer, entry: ImportedPerson) {
  const { person, family } = entry;
  const id = person.personId;
  const { facts, people, followUps } = person;
  return {
    id,
    family_id: family.id,
    status: person.active ? ('active' as const) : ('inactive' as const),
    name_sealed: sealer.seal(seniorPlace(id, 'name_sealed'), person.name),
    phone_sealed: sealer.seal(seniorPlace(id, 'phone_sealed'), person.phone),
    phone_fingerprint: sealer.fingerprint(PHONE_PURPOSE, person.phone),
    language: person.language,
    time_zone: person.timeZone,
    profile_sealed: sealProfile(sealer, id, { facts, people, followUps }, stampOf(entry)),
    manner: JSON.stringify(person.manner),
  };
}

async function add(tx: ScopedTransaction, values: Row): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('seniors')
    .values(values)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

async function isThere(tx: ScopedTransaction, id: string): Promise<boolean> {
  const row = await tx.selectFrom('seniors').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

async function change(
  tx: ScopedTransaction,
  sealer: Sealer,
  { id, ...values }: Row,
  phone: string,
): Promise<boolean> {
  const holder = await tx
    .selectFrom('seniors')
    .select('id')
    .where('phone_fingerprint', 'in', sealer.fingerprints(PHONE_PURPOSE, phone))
    .where('id', '<>', id)
    .executeTakeFirst();
  if (holder !== undefined) return false;
  await tx
    .updateTable('seniors')
    .set({ ...values, updated_at: new Date() })
    .where('id', '=', id)
    .execute();
  return true;
}
