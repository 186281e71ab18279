/** People in the database that do not open: spoilt, or under a key that is not here. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { openDurability, type Durability } from '../../src/durability.ts';
import { createLogger } from '../../src/log.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { callOf } from '../helpers/durable-world.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import { postgresThrough } from '../helpers/postgres-through.ts';

const numberOf = (n: number): string => `+1555555${1_000 + n}`;
const MANY = Array.from({ length: 120 }, (_, n) => ({
  personId: `p-${n}`,
  name: `Name ${n}`,
  phone: numberOf(n),
  facts: [`Fact ${n}.`],
}));

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-unreadable-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

type Start = {
  readonly databaseUrl: string;
  readonly keys: readonly Buffer[];
  readonly people?: readonly object[];
  readonly dataDir?: string;
};

/** An instance with a folder of its own, unless one is given. */
async function start({ databaseUrl, keys, people = [], dataDir }: Start) {
  const dir = dataDir ?? (await mkdtemp(join(home, 'data-')));
  await writeFile(join(dir, 'people.json'), JSON.stringify(people));
  const log: Record<string, unknown>[] = [];
  const config = loadConfig({
    NODE_ENV: 'test',
    DATA_DIR: dir,
    ENCRYPTION_KEY: keys.map((key) => key.toString('hex')).join(),
    DATABASE_URL: databaseUrl,
  });
  const write = (line: string): void => void log.push(JSON.parse(line) as Record<string, unknown>);
  const durability = await openDurability(config, createLogger('info', { write }));
  onTestFinished(async () => durability.close(5_000));
  return { durability, log, dataDir: dir };
}

const told = (log: readonly Record<string, unknown>[]) =>
  log
    .filter(({ message }) => /all that is kept of people can be opened/.test(String(message)))
    .map(({ peopleCount, memoryCount }) => [peopleCount, memoryCount]);

const inDatabase = async (
  { store }: Durability,
  work: (tx: ScopedTransaction) => Promise<unknown>,
): Promise<void> => void (await store.database.withScope({ kind: 'service' }, work));

/** Turns one bit of what is sealed in a column; done twice, it is as it was. */
const spoil = (column: 'name_sealed' | 'profile_sealed', id: string) => (tx: ScopedTransaction) => {
  const sealed = sql.ref(column);
  return sql`update seniors set ${sealed} = set_bit(${sealed}, 300, 1 - get_bit(${sealed}, 300))
    where id = ${id}::uuid`.execute(tx);
};

async function withMany() {
  const made = await postgres.createDatabase();
  const place = { databaseUrl: made.url, keys: [randomBytes(32)] };
  const { durability, log } = await start({ ...place, people: MANY });
  await durability.settled;
  return {
    place,
    durability,
    log,
    idOf: (n: number) => durability.people.byPhone(numberOf(n)).personId,
  };
}

test('one whose row is spoilt is a stranger from the next start on, and nobody else is', async () => {
  const { place, durability, idOf } = await withMany();
  await inDatabase(durability, spoil('name_sealed', idOf(7)));
  await durability.directory.refresh();
  // Here she is known still.
  expect(durability.people.byPhone(numberOf(7)).name).toBe('Name 7');
  expect(durability.figures()).toMatchObject({ people: 120, unreadable: { people: 1 } });

  const next = await start(place);
  await next.durability.settled;
  expect(next.durability.figures()).toMatchObject({
    people: 119,
    unreadable: { people: 1, memories: 0 },
  });
  expect(next.durability.people.byPhone(numberOf(7)).personId).toBe('unknown');
  expect(next.durability.people.byPhone(numberOf(8)).name).toBe('Name 8');
  await next.durability.directory.refresh();
  expect(told(next.log)).toEqual([[1, 0]]);
  // Mended, she is known again.
  await inDatabase(durability, spoil('name_sealed', idOf(7)));
  await next.durability.directory.refresh();
  expect(next.durability.people.byPhone(numberOf(7)).name).toBe('Name 7');
  expect(told(next.log)).toEqual([
    [1, 0],
    [0, 0],
  ]);
});

test('a spoilt memory is forgotten; whose it is stays known', async () => {
  const { place, durability, idOf } = await withMany();
  const [spoilt, whole] = [uuidv7(), uuidv7()];
  const { sealer } = durability.store;
  const ofWhole = { table: 'memories', row: whole, column: 'text_sealed' };
  const memory = (id: string, text: string) => ({
    id,
    senior_id: idOf(3),
    kind: 'fact' as const,
    importance: 50,
    // Bound to the row of the whole one: in any other it does not open.
    text_sealed: sealer.seal(ofWhole, text),
    text_fingerprint: sealer.fingerprint('memories.text', text),
  });
  await inDatabase(durability, (tx) =>
    tx
      .insertInto('memories')
      .values([
        memory(spoilt, 'Her dog is called Rex.'),
        memory(whole, 'She won a prize for her roses.'),
      ])
      .execute(),
  );
  const next = await start(place);
  await next.durability.settled;
  const person = next.durability.people.byPhone(numberOf(3));
  expect(JSON.stringify(person)).toContain('roses');
  expect(JSON.stringify(person)).not.toContain('Rex');
  expect(told(next.log)).toEqual([[0, 1]]);
});

test('a spoilt profile of somebody in the file is taken from there', async () => {
  const { place, durability, idOf } = await withMany();
  await inDatabase(durability, spoil('profile_sealed', idOf(5)));
  const next = await start({ ...place, people: MANY });
  await next.durability.settled;
  expect(next.durability.figures().unreadable.people).toBe(0);
  expect(next.durability.people.byPhone(numberOf(5)).facts).toEqual(['Fact 5.']);
});

test('what another instance writes under a key that is not here hides no change of anybody else', async () => {
  const { place, durability, log } = await withMany();
  const rotated = await start({
    databaseUrl: place.databaseUrl,
    keys: [randomBytes(32), ...place.keys],
    people: [{ personId: 'new', name: 'New', phone: '+15555559999' }],
  });
  await rotated.durability.settled;
  const { personId } = durability.people.byPhone(numberOf(9));
  await inDatabase(rotated.durability, (tx) =>
    rotated.durability.store.people.recordConsent(tx, personId, {
      kind: 'calls',
      state: 'withdrawn',
      source: 'senior',
      recordedBy: undefined,
      evidence: undefined,
    }),
  );
  await durability.directory.refresh();
  expect(durability.people.byPhone(numberOf(9)).active).toBe(false);
  expect(durability.figures().unreadable.people).toBe(1);
  expect(told(log)).toEqual([[1, 0]]);
});

test('a database that comes later, under a key that is not here: unusable, and nothing goes into it', async () => {
  const { place } = await withMany();
  const { url, proxy } = await postgresThrough(place.databaseUrl, home);
  onTestFinished(async () => proxy.close());
  proxy.set('refuse');
  const wrong = randomBytes(32);
  const { durability, dataDir } = await start({ databaseUrl: url, keys: [wrong] });
  await durability.settled;
  const write = { kind: 'conversation-started', call: callOf('CA-wrong') } as const;
  expect(await durability.store.writer.write(write)).toBe('spool');
  proxy.set('pass');
  expect((await durability.unusable).message).toBe(
    'ENCRYPTION_KEY lacks a key that the database was written under',
  );
  expect(durability.figures().spool).toMatchObject({ pending: 1, setAside: 0 });
  await durability.close(5_000);

  await expect(start({ databaseUrl: url, keys: place.keys, dataDir })).rejects.toThrow(
    'ENCRYPTION_KEY lacks a key that records in DATA_DIR/spool were written under',
  );
  const both = await start({ databaseUrl: url, keys: [...place.keys, wrong], dataDir });
  await both.durability.settled;
  expect(await both.durability.flush(10_000)).toBe(true);
  expect(both.durability.figures().spool.setAside).toBe(0);
  expect(both.durability.figures().people).toBe(120);
});
