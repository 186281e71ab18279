import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { openStore } from '../../src/store/store.ts';
import { SCOPE_ROLES } from '../../src/store/sql/scope.ts';
import { callOf, heardIn, startDurableWorld, turnWrite } from '../helpers/durable-world.ts';
import type { DurableWorld } from '../helpers/durable-world.ts';
import { eventually } from '../helpers/eventually.ts';
import { startTlsPostgres } from '../helpers/tls-postgres.ts';

let world: DurableWorld;
beforeAll(async () => {
  world = await startDurableWorld();
}, 180_000);
afterAll(async () => await world?.stop());

async function overTls() {
  const made = await world.postgres.createDatabase();
  const front = await startTlsPostgres(made);
  return { front, ...(await world.openAll({ made, url: front.url, patienceMs: 5_000 })) };
}

// On a server that others use too, a role cannot be revoked for a while.
describe.skipIf(process.env['TEST_DATABASE_URL'])('a database that cannot be asked', () => {
  test.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['of another authority', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ] as const)('has refused nothing: its certificate is %s', async (certificate, code) => {
    const { front, database, writer, spool, troubles, close } = await overTls();
    expect(await writer.write(turnWrite('CA1', 0))).toBe('database');
    front.show(certificate);
    for (const n of [1, 2, 3]) expect(await writer.write(turnWrite('CA1', n))).toBe('spool');
    await eventually(() =>
      troubles.some((each) => each.kind === 'database-away' && each.code === code),
    );
    front.show('good');
    expect(await writer.flush(20_000)).toBe(true);
    expect(await heardIn(database, 'CA1')).toHaveLength(4);
    expect(spool.figures().setAside).toBe(0);
    await close();
    await front.close();
  });

  test('has refused nothing: something else answers in its place', async () => {
    const { front, database, writer, spool, troubles, close } = await overTls();
    expect(await writer.write(turnWrite('CA1', 0))).toBe('database');
    front.garble();
    for (const n of [1, 2, 3]) expect(await writer.write(turnWrite('CA1', n))).toBe('spool');
    await eventually(() => troubles.length > 0, 10_000);
    expect(new Set(troubles.map(({ kind }) => kind))).toEqual(new Set(['database-away']));
    front.show('good');
    expect(await writer.flush(20_000)).toBe(true);
    expect(await heardIn(database, 'CA1')).toHaveLength(4);
    expect(spool.figures().setAside).toBe(0);
    await close();
    await front.close();
  });

  test('has refused nothing: our login may not act as the service for a while', async () => {
    const { made, database, writer, spool, troubles, close } = await world.openAll();
    const admin = new pg.Client({ connectionString: made.adminUrl });
    await admin.connect();
    const login = new URL(made.url).username;
    await admin.query(`revoke ${SCOPE_ROLES.service} from ${login}`);
    for (const n of [0, 1]) expect(await writer.write(turnWrite('CA1', n))).toBe('spool');
    expect(troubles).toEqual([{ kind: 'database-away', code: '42501' }]);
    await admin.query(`grant ${SCOPE_ROLES.service} to ${login}`);
    expect(await writer.flush(20_000)).toBe(true);
    expect(await heardIn(database, 'CA1')).toHaveLength(2);
    expect(spool.figures().setAside).toBe(0);
    await admin.end();
    await close();
  });

  test('does not stop a start, which says why: its certificate has run out', async () => {
    const made = await world.postgres.createDatabase();
    const front = await startTlsPostgres(made);
    front.show('expired');
    const said: string[] = [];
    const store = await openStore({
      databaseUrl: front.url,
      dataDir: join(world.home, 'expired'),
      encryptionKeys: [],
      defaultManner: DEFAULT_MANNER,
      onProgress: (sentence) => said.push(sentence),
    });
    expect(said).toContain(
      'the database cannot be reached (CERT_HAS_EXPIRED); starting without it',
    );
    const call = callOf('CA-early');
    expect(await store.writer.write({ kind: 'conversation-started', call })).toBe('spool');
    front.show('good');
    expect(await store.writer.flush(20_000)).toBe(true);
    await eventually(async () => (await store.database.health()).ok);
    await store.close();
    await front.close();
  });
});
