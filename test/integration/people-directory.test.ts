/** Who the line knows: from the file into the database, from there into memory. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { openDurability, type Durability } from '../../src/durability.ts';
import { createLogger } from '../../src/log.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const MARGARET = {
  personId: 'margaret',
  name: 'Margaret',
  phone: '+15555550142',
  facts: ['She has a bad hip.'],
};
const TOM = {
  personId: 'tom',
  name: 'Tom',
  phone: '+15555550143',
  language: 'es',
  family: 'Ortiz',
};

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  [postgres, home] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-people-')),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

type Opened = { readonly durability: Durability; readonly log: Record<string, unknown>[] };

/** Starts on a folder (and so a file) of its own, or on one that is there. */
async function open(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  place: { readonly dataDir: string; readonly databaseUrl?: string; readonly key: Buffer },
  people?: readonly object[],
): Promise<Opened> {
  if (people) await writeFile(join(place.dataDir, 'people.json'), JSON.stringify(people));
  const log: Record<string, unknown>[] = [];
  const config = loadConfig({
    NODE_ENV: 'test',
    DATA_DIR: place.dataDir,
    ENCRYPTION_KEY: place.key.toString('hex'),
    DATABASE_URL: place.databaseUrl,
  });
  const durability = await openDurability(
    config,
    createLogger('debug', {
      write: (line) => void log.push(JSON.parse(line) as Record<string, unknown>),
    }),
  );
  onTestFinished(async () => durability.close(5_000));
  return { durability, log };
}

async function newPlace(kind: 'server' | 'embedded') {
  const made = kind === 'server' ? await postgres.createDatabase() : undefined;
  const dataDir = await mkdtemp(join(home, 'data-'));
  const key = randomBytes(32);
  return { dataDir, key, ...(made && { databaseUrl: made.url }) };
}

async function inDatabase<T>(
  { store }: Durability,
  work: (tx: ScopedTransaction) => Promise<T>,
): Promise<T> {
  return await store.database.withScope({ kind: 'service' }, work);
}

describe.each(['server', 'embedded'] as const)('people on the %s database', (kind) => {
  test('are known before it is open, are taken in once, and keep their ids from start to start', async (context) => {
    const place = await newPlace(kind);
    const { durability } = await open(context, place, [MARGARET, TOM]);
    const early = durability.people.byPhone(MARGARET.phone);
    expect(early).toMatchObject({ name: 'Margaret', facts: MARGARET.facts });
    await durability.settled;
    const margaret = durability.people.byPhone(MARGARET.phone);
    expect(margaret).toEqual(early);
    expect(durability.people.byId(margaret.personId)).toBe(margaret);
    expect(durability.people.byPhone('+15555550199')).toMatchObject({ personId: 'unknown' });
    const families = await inDatabase(durability, (tx) =>
      tx.selectFrom('seniors').select('family_id').distinct().execute(),
    );
    expect(families).toHaveLength(2);
    await durability.close(5_000);
    const again = (await open(context, place)).durability;
    await again.settled;
    expect(again.people.byPhone(MARGARET.phone)).toEqual(margaret);
    expect(again.figures().people).toBe(2);
  }, 60_000);

  test('what the file says anew is taken over, unless somebody has edited it in the database', async (context) => {
    const place = await newPlace(kind);
    const first = (await open(context, place, [MARGARET, TOM])).durability;
    await first.settled;
    const { personId } = first.people.byPhone(TOM.phone);
    const profile = { facts: ['He keeps bees.'], people: [], followUps: [] };
    await inDatabase(first, async (tx) => {
      const { sealProfile } = await import('../../src/store/sql/people.ts');
      await tx
        .updateTable('seniors')
        .set({ profile_sealed: sealProfile(first.store.sealer, personId, profile) })
        .where('id', '=', personId)
        .execute();
    });
    await first.close(5_000);
    const second = (
      await open(context, place, [
        { ...MARGARET, facts: ['Her hip is new.'] },
        { ...TOM, facts: ['He sails.'] },
      ])
    ).durability;
    await second.settled;
    expect(second.people.byPhone(MARGARET.phone).facts).toEqual(['Her hip is new.']);
    expect(second.people.byPhone(TOM.phone).facts).toEqual(['He keeps bees.']);
  }, 60_000);

  test('follow the database: new ones, changed ones, withdrawn ones, and those who are gone', async (context) => {
    const place = await newPlace(kind);
    const { durability } = await open(context, place, [MARGARET]);
    await durability.settled;
    const { store, people, directory } = durability;
    const { personId } = people.byPhone(MARGARET.phone);
    await inDatabase(durability, async (tx) => {
      await store.people.add(tx, {
        familyId: undefined,
        status: 'prospect',
        name: 'Ada',
        phone: '+15555550177',
        language: 'en',
        timeZone: 'Europe/London',
        profile: { facts: [], people: [], followUps: [] },
        manner: {},
      });
      await store.people.recordConsent(tx, personId, {
        kind: 'calls',
        state: 'withdrawn',
        source: 'senior',
        recordedBy: undefined,
        evidence: undefined,
      });
    });
    expect(people.byPhone(MARGARET.phone).active).toBe(true);
    await directory.refresh();
    expect(people.byPhone('+15555550177').name).toBe('Ada');
    expect(people.byPhone(MARGARET.phone).active).toBe(false);
    await inDatabase(durability, (tx) =>
      tx.deleteFrom('seniors').where('id', '=', personId).execute(),
    );
    await directory.refresh();
    expect(people.byPhone(MARGARET.phone).personId).toBe('unknown');
    expect(people.byId(personId)).toBeUndefined();
  }, 60_000);
});

test("somebody else's number is refused with a line in the log, and holds up nobody", async (context) => {
  const place = await newPlace('server');
  const first = await open(context, place, [MARGARET]);
  await first.durability.settled;
  await first.durability.close(5_000);
  const twin = { ...MARGARET, personId: 'margarets-twin' };
  const { durability, log } = await open(context, place, [twin, TOM]);
  await durability.settled;
  expect(log.filter(({ level }) => level === 50)).toMatchObject([
    { message: 'somebody else has this telephone number: not imported' },
  ]);
  expect(JSON.stringify(log)).not.toContain(MARGARET.phone.slice(1));
  expect(durability.figures().people).toBe(2);
  expect(durability.people.byPhone(TOM.phone).name).toBe('Tom');
});

test('five thousand people are read without holding up the calls, and a look for changes is cheap', async (context) => {
  const many = Array.from({ length: 5_000 }, (_, n) => ({
    personId: `p-${n}`,
    name: `Name ${n}`,
    phone: `+1555${String(1_000_000 + n)}`,
    facts: ['Likes tea.', 'Has a dog.'],
  }));
  const { durability } = await open(context, await newPlace('server'), many);
  await durability.settled;
  expect(durability.figures().people).toBe(5_000);
  const { performance: clock, monitorEventLoopDelay } = await import('node:perf_hooks');
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const beganAt = clock.now();
  await durability.directory.refresh();
  const tookMs = clock.now() - beganAt;
  delay.disable();
  console.info(
    `5,000 people: a look took ${tookMs.toFixed(0)} ms, the loop was late by ${(delay.max / 1e6).toFixed(0)} ms at most`,
  );
  expect(tookMs).toBeLessThan(2_000);
  await inDatabase(durability, (tx) => sql`update seniors set updated_at = now()`.execute(tx));
  const counted = clock.now();
  await durability.directory.refresh();
  console.info(`all of them anew: ${(clock.now() - counted).toFixed(0)} ms`);
  expect(durability.people.byPhone('+15551004999').name).toBe('Name 4999');
}, 120_000);
