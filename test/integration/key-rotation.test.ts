/** A key of the ring is changed: what it sealed is read as before, what is new is sealed with the new. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { loadConfig } from '../../src/config.ts';
import { openDurability, type Durability } from '../../src/durability.ts';
import { createLogger } from '../../src/log.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const service = { kind: 'service' } as const;
const MARGARET = '+15555550142';
const TOM = '+15555550143';

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  [postgres, home] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-rotation-')),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

async function opened(databaseUrl: string, ...keys: readonly Buffer[]): Promise<Store> {
  const dataDir = await mkdtemp(join(home, 'data-'));
  const store = await openStore({
    databaseUrl,
    dataDir,
    encryptionKeys: keys,
    defaultManner: DEFAULT_MANNER,
  });
  onTestFinished(async () => store.close());
  return store;
}

const person = (name: string, phone: string) => ({
  familyId: undefined,
  status: 'prospect' as const,
  name,
  phone,
  language: 'en' as const,
  timeZone: 'Europe/London',
  profile: { facts: [`${name} has a bad hip.`], people: [], followUps: [] },
  manner: {},
});

const add = async (store: Store, name: string, phone: string): Promise<string> =>
  await store.database.withScope(service, (tx) => store.people.add(tx, person(name, phone)));

const nameAt = async (store: Store, phone: string): Promise<string | undefined> => {
  const found = await store.database.withScope(service, (tx) => store.people.byPhone(tx, phone));
  return found?.person.name;
};

async function say(store: Store, callSid: string, heard: string): Promise<void> {
  const call = { callSid, seniorId: undefined, direction: 'inbound' as const, startedAtMs: 1_000 };
  const kept = await store.writer.write({
    kind: 'turn',
    call,
    turn: {
      speaker: 'caller',
      turnKey: heard,
      revision: 0,
      kind: 'turn',
      answers: undefined,
      heard,
      spoken: undefined,
      interrupted: false,
      happenedAtMs: 1_000,
      timings: {},
    },
  });
  expect(kept).toBe('database');
}

const heardIn = async (store: Store, callSid: string): Promise<string[]> => {
  const turns = await store.database.withScope(service, (tx) =>
    store.conversations.turnsOf(tx, callSid),
  );
  return turns.map(({ heard }) => heard);
};

test('with the old key behind the new one everything is read; what is new needs the new one only', async () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];
  const { url } = await postgres.createDatabase();
  const before = await opened(url, older);
  await add(before, 'Margaret', MARGARET);
  await say(before, 'CA1', 'my hip hurts');

  const during = await opened(url, newer, older);
  expect(await nameAt(during, MARGARET)).toBe('Margaret');
  expect(await heardIn(during, 'CA1')).toEqual(['my hip hurts']);
  await add(during, 'Tom', TOM);
  await say(during, 'CA2', 'the bees are out');
  // Her fingerprint under the new key is another; she is the same.
  await expect(add(during, 'Twin', MARGARET)).rejects.toMatchObject({ code: '23505' });

  const after = await opened(url, newer);
  expect(await nameAt(after, TOM)).toBe('Tom');
  expect(await heardIn(after, 'CA2')).toEqual(['the bees are out']);
  expect(await nameAt(after, MARGARET)).toBeUndefined();
  await expect(heardIn(after, 'CA1')).rejects.toMatchObject({ reason: 'unknown-key' });
});

test('one instance after another: first all can read the new key, then one begins to write with it', async () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];
  const { url } = await postgres.createDatabase();
  const [prepared, rotated] = [await opened(url, older, newer), await opened(url, newer, older)];
  await say(rotated, 'CA3', 'written with the new one');
  await say(prepared, 'CA3', 'written with the old one');
  const both = ['written with the new one', 'written with the old one'];
  expect((await heardIn(prepared, 'CA3')).sort()).toEqual(both);
  expect((await heardIn(rotated, 'CA3')).sort()).toEqual(both);
});

test('without the key that the people were written under the server does not start', async () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];
  const { url } = await postgres.createDatabase();
  await add(await opened(url, older), 'Margaret', MARGARET);
  const start = async (...keys: readonly Buffer[]): Promise<Durability> => {
    const config = loadConfig({
      NODE_ENV: 'test',
      DATA_DIR: await mkdtemp(join(home, 'data-')),
      ENCRYPTION_KEY: keys.map((key) => key.toString('hex')).join(),
      DATABASE_URL: url,
    });
    const durability = await openDurability(config, createLogger('fatal'));
    onTestFinished(async () => durability.close(5_000));
    return durability;
  };
  await expect((await start(newer)).settled).rejects.toThrow(
    'ENCRYPTION_KEY lacks a key that the database was written under',
  );
  const spoilt = await opened(url, older);
  const ofTom = await add(spoilt, 'Tom', TOM);
  await spoilt.database.withScope(service, (tx) =>
    tx
      .updateTable('seniors')
      .set({ name_sealed: Buffer.alloc(40) })
      .where('id', '=', ofTom)
      .execute(),
  );
  // One row that cannot be read is no missing key.
  await (
    await start(older)
  ).settled;
  await spoilt.database.withScope(service, (tx) =>
    tx.deleteFrom('seniors').where('id', '=', ofTom).execute(),
  );
  const both = await start(newer, older);
  await both.settled;
  expect(both.people.byPhone(MARGARET).name).toBe('Margaret');
});
