import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openDatabase, type Database } from '../../src/store/sql/database.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { releaseAlert } from '../../src/store/sql/held-alerts.ts';
import type { Scope } from '../../src/store/sql/scope.ts';
import {
  type FamilyIds,
  insertStatement,
  newFamilyIds,
  TABLE_FIXTURES,
} from '../helpers/family-fixture.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

/**
 * What each asker may do to rows of family A and of family B, who asks being of family A.
 * `*` both, `a` family A's only, `-` neither; in the order select, insert, update, delete.
 */
const EXPECTED: Readonly<Record<string, Readonly<Record<Who, string>>>> = {
  families: { nobody: '----', caregiver: 'a---', call: '----', admin: '****', service: '****' },
  seniors: { nobody: '----', caregiver: 'a-a-', call: 'a---', admin: '****', service: '****' },
  caregivers: { nobody: '----', caregiver: 'a-a-', call: '----', admin: '****', service: '****' },
  care_links: { nobody: '----', caregiver: 'a---', call: '----', admin: '****', service: '****' },
  consents: { nobody: '----', caregiver: 'aa--', call: 'a---', admin: '**-*', service: '**-*' },
  conversations: {
    nobody: '----',
    caregiver: 'a---',
    call: 'aaa-',
    admin: '*--*',
    service: '****',
  },
  turns: { nobody: '----', caregiver: 'a---', call: 'aaa-', admin: '*--*', service: '****' },
  analyses: { nobody: '----', caregiver: 'a---', call: 'a---', admin: '*--*', service: '****' },
  memories: { nobody: '----', caregiver: 'aaaa', call: 'a-a-', admin: '*--*', service: '****' },
  reminders: { nobody: '----', caregiver: 'aaaa', call: 'a---', admin: '****', service: '****' },
  reminder_deliveries: {
    nobody: '----',
    caregiver: 'a---',
    call: 'a-a-',
    admin: '*--*',
    service: '****',
  },
  alerts: { nobody: '----', caregiver: 'a-a-', call: 'aa--', admin: '*-**', service: '****' },
  alert_deliveries: {
    nobody: '----',
    caregiver: 'a---',
    call: '----',
    admin: '*--*',
    service: '****',
  },
  webhook_events: {
    nobody: '----',
    caregiver: '----',
    call: '----',
    admin: '*---',
    service: '***-',
  },
  messages: { nobody: '----', caregiver: 'a---', call: '----', admin: '*--*', service: '****' },
  job_attempts: { nobody: '----', caregiver: '----', call: '----', admin: '*---', service: '****' },
  audit_log: { nobody: '----', caregiver: '----', call: '----', admin: '*---', service: '**--' },
  conversation_steps: {
    nobody: '----',
    caregiver: '----',
    call: '----',
    admin: '*---',
    service: '****',
  },
  spool_positions: {
    nobody: '----',
    caregiver: '----',
    call: '----',
    admin: '----',
    service: '****',
  },
};

type Who = 'nobody' | 'caregiver' | 'call' | 'admin' | 'service';
const ASKERS: readonly Who[] = ['nobody', 'caregiver', 'call', 'admin', 'service'];
const VERBS = ['select', 'insert', 'update', 'delete'] as const;

let postgres: TestPostgres;
let dataDir: string;
beforeAll(async () => {
  postgres = await startPostgres();
  dataDir = await mkdtemp(join(tmpdir(), 'hearthline-rls-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

class RolledBack extends Error {}

/** Runs `work` and takes back what it did. Undefined: it was not allowed. */
async function attempt<T>(
  database: Database,
  scope: Scope,
  work: (tx: ScopedTransaction) => Promise<T>,
): Promise<T | undefined> {
  let result: { value: T } | undefined;
  try {
    await database.withScope(scope, async (tx) => {
      result = { value: await work(tx) };
      throw new RolledBack();
    });
  } catch (error) {
    if (error instanceof RolledBack) return result?.value;
    if (error instanceof Error && 'code' in error && error.code === '42501') return undefined;
    throw error;
  }
  return undefined;
}

const run = async (tx: ScopedTransaction, text: string, values: readonly unknown[] = []) =>
  tx.executeQuery<Record<string, unknown>>(CompiledQuery.raw(text, [...values]));

describe.each(['server', 'embedded'] as const)('who may do what: %s', (kind) => {
  let database: Database;
  let familyA: FamilyIds;
  let familyB: FamilyIds;
  /** The key of each family's row in each table. */
  const keys: Record<string, { a: unknown; b: unknown }> = {};

  beforeAll(async () => {
    const databaseUrl = kind === 'server' ? (await postgres.createDatabase()).url : undefined;
    database = await openDatabase({ databaseUrl, dataDir, transactionTimeoutMs: 30_000 });
    familyA = newFamilyIds();
    familyB = newFamilyIds();
    await database.withScope({ kind: 'service' }, async (tx) => {
      for (const [table, fixture] of Object.entries(TABLE_FIXTURES)) {
        const rows = { a: fixture.row(familyA, true), b: fixture.row(familyB, true) };
        for (const row of Object.values(rows)) {
          const { text, values } = insertStatement(table, row);
          await run(tx, text, values);
        }
        keys[table] = { a: rows.a[fixture.key], b: rows.b[fixture.key] };
      }
    });
  }, 120_000);
  afterAll(() => database?.close());

  const scopeOf = (who: Who): Scope =>
    ({
      // A caregiver's role with an id that is nobody's.
      nobody: { kind: 'caregiver', caregiverId: '00000000-0000-7000-8000-000000000000' },
      caregiver: { kind: 'caregiver', caregiverId: familyA.caregiverId },
      call: { kind: 'senior-call', seniorId: familyA.seniorId },
      admin: { kind: 'admin', adminId: '00000000-0000-7000-8000-0000000000ad' },
      service: { kind: 'service' },
    })[who] as Scope;

  async function reaches(
    who: Who,
    table: string,
    verb: (typeof VERBS)[number],
    family: 'a' | 'b',
  ): Promise<boolean> {
    const { key, touch, row } = TABLE_FIXTURES[table]!;
    const id = keys[table]![family];
    const affected = await attempt(database, scopeOf(who), async (tx) => {
      if (verb === 'insert') {
        const insert = insertStatement(table, row(family === 'a' ? familyA : familyB, false));
        await run(tx, insert.text, insert.values);
        return 1;
      }
      const where = `where ${key} = $1`;
      if (verb === 'select') {
        return (await run(tx, `select 1 as one from ${table} ${where}`, [id])).rows.length;
      }
      const text =
        verb === 'update'
          ? `update ${table} set ${touch} = ${touch} ${where}`
          : `delete from ${table} ${where}`;
      return Number((await run(tx, text, [id])).numAffectedRows ?? 0n);
    });
    return (affected ?? 0) > 0;
  }

  test('every table of the catalogue is protected, and its rights are written down here', async () => {
    const { rows } = await database.jobQueue.executeSql(
      `select c.relname as name, c.relrowsecurity and c.relforcerowsecurity as forced,
         (select count(*)::int from pg_policy p where p.polrelid = c.oid) as policies
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f')
         and c.relname not like 'kysely%' order by 1`,
    );
    expect(rows.map((row) => row['name'])).toEqual(Object.keys(EXPECTED).sort());
    expect(Object.keys(TABLE_FIXTURES).sort()).toEqual(Object.keys(EXPECTED).sort());
    for (const row of rows) expect(row).toMatchObject({ forced: true });
    for (const row of rows) expect(row['policies']).toBeGreaterThan(0);
  });

  test('no role that we step down to can bypass row-level security or log in', async () => {
    const { rows } = await database.jobQueue.executeSql(
      `select rolname, rolsuper, rolbypassrls, rolcanlogin, rolcreaterole, rolcreatedb
       from pg_roles where rolname like 'hearthline\\_%' and rolname <> 'hearthline_test_login'
       order by rolname`,
    );
    expect(rows.map((row) => row['rolname'])).toEqual([
      'hearthline_admin',
      'hearthline_call',
      'hearthline_caregiver',
      'hearthline_service',
    ]);
    for (const row of rows) {
      expect(Object.values(row).slice(1)).toEqual([false, false, false, false, false]);
    }
  });

  describe.each(Object.keys(EXPECTED))('%s', (table) => {
    test.each(ASKERS)('%s', async (who) => {
      let found = '';
      for (const verb of VERBS) {
        const [own, foreign] = [
          await reaches(who, table, verb, 'a'),
          await reaches(who, table, verb, 'b'),
        ];
        found += own ? (foreign ? '*' : 'a') : foreign ? 'FOREIGN ONLY' : '-';
      }
      expect(found).toBe(EXPECTED[table]![who]);
    });
  });

  test('a caregiver cannot give a row away to another family', async () => {
    for (const table of ['memories', 'reminders']) {
      const moved = await attempt(database, scopeOf('caregiver'), async (tx) =>
        run(tx, `update ${table} set senior_id = $1`, [familyB.seniorId]),
      );
      expect(moved).toBeUndefined();
    }
  });

  test('a link across two families cannot be made, not even by the service', async () => {
    const crossed = database.withScope({ kind: 'service' }, async (tx) => {
      const { text, values } = insertStatement('care_links', {
        ...TABLE_FIXTURES['care_links']!.row(familyA, true),
        senior_id: familyB.seniorId,
      });
      await run(tx, text, values);
    });
    await expect(crossed).rejects.toMatchObject({ code: '23503' });
  });

  test('a link that has ended shows nothing any more', async () => {
    const seen = await attempt(database, { kind: 'service' }, async (tx) => {
      await run(tx, 'update care_links set ended_at = now() where caregiver_id = $1', [
        familyA.caregiverId,
      ]);
      await run(tx, `select set_config('app.caregiver_id', $1, true)`, [familyA.caregiverId]);
      await run(tx, `select set_config('role', 'hearthline_caregiver', true)`);
      const { rows } = await run(
        tx,
        'select 1 as one from seniors union all select 1 from memories union all select 1 from turns',
      );
      return rows.length;
    });
    expect(seen).toBe(0);
  });

  test('an alert about a caregiver is hidden from that caregiver', async () => {
    const seen = await attempt(database, { kind: 'service' }, async (tx) => {
      await run(tx, 'update alerts set withheld_from = array[$1::uuid] where id = $2', [
        familyA.caregiverId,
        familyA.alertId,
      ]);
      await run(tx, `select set_config('app.caregiver_id', $1, true)`, [familyA.caregiverId]);
      await run(tx, `select set_config('role', 'hearthline_caregiver', true)`);
      const { rows } = await run(
        tx,
        'select 1 as one from alerts union all select 1 from alert_deliveries',
      );
      return rows.length;
    });
    expect(seen).toBe(0);
  });

  /** What family A's caregiver, or the admin, sees of its only call, after `change` by the service. */
  async function seenAfter(
    who: 'caregiver' | 'admin',
    change: (tx: ScopedTransaction) => Promise<unknown>,
  ): Promise<string[]> {
    const seen = await attempt(database, { kind: 'service' }, async (tx) => {
      // One memory is of the call, another one nobody's.
      await run(tx, 'update memories set conversation_id = $1 where senior_id = $2', [
        familyA.conversationId,
        familyA.seniorId,
      ]);
      await change(tx);
      await run(tx, `select set_config('app.caregiver_id', $1, true)`, [familyA.caregiverId]);
      await run(tx, `select set_config('role', 'hearthline_${who}', true)`);
      const tables = ['alerts', 'alert_deliveries', 'turns', 'analyses', 'memories', 'seniors'];
      const text = tables.map((table) => `select '${table}' as name from ${table}`);
      return (await run(tx, `${text.join(' union ')} order by 1`)).rows.map((row) => row['name']);
    });
    return seen as string[];
  }
  const EVERYTHING = ['alert_deliveries', 'alerts', 'analyses', 'memories', 'seniors', 'turns'];
  const hold = async (tx: ScopedTransaction): Promise<void> => {
    await run(tx, `update alerts set held = true, category = 'abuse' where id = $1`, [
      familyA.alertId,
    ]);
    await run(tx, 'update conversations set withheld = true where id = $1', [
      familyA.conversationId,
    ]);
  };

  test('a held alert and all that was said in its call are hidden from every caregiver', async () => {
    expect(await seenAfter('caregiver', async () => undefined)).toEqual(EVERYTHING);
    expect(await seenAfter('caregiver', hold)).toEqual(['seniors']);
    expect(await seenAfter('admin', hold)).toEqual(EVERYTHING);
  });

  test('released, it is seen by caregivers, but never by those who are accused in it', async () => {
    const release = async (tx: ScopedTransaction, accused: readonly string[]) => {
      await hold(tx);
      expect(await releaseAlert(tx, familyA.alertId, accused)).toBeDefined();
    };
    expect(await seenAfter('caregiver', (tx) => release(tx, []))).toEqual(EVERYTHING);
    expect(await seenAfter('caregiver', (tx) => release(tx, [familyA.caregiverId]))).toEqual([
      'seniors',
    ]);
  });

  test('a caregiver cannot release an alert, open its call, or see to it unseen', async () => {
    for (const [text, id] of [
      ['update alerts set released_at = now() where id = $1', familyA.alertId],
      ['update alerts set held = false where id = $1', familyA.alertId],
      ['update conversations set withheld = false where id = $1', familyA.conversationId],
    ] as const) {
      const done = await attempt(database, scopeOf('caregiver'), (tx) => run(tx, text, [id]));
      expect(done).toBeUndefined();
    }
  });

  test('an accusation that nobody has marked as held is refused', async () => {
    for (const category of ['abuse', 'exploitation']) {
      const made = database.withScope({ kind: 'service' }, async (tx) => {
        const row = TABLE_FIXTURES['alerts']!.row(familyA, false);
        const { text, values } = insertStatement('alerts', { ...row, category });
        await run(tx, text, values);
      });
      await expect(made).rejects.toMatchObject({ code: '23514' });
    }
  });

  test('what a webhook brought cannot be changed by anybody', async () => {
    for (const who of ASKERS) {
      for (const column of ['body_sealed', 'event_key', 'provider', 'received_at', 'path']) {
        const changed = await attempt(database, scopeOf(who), async (tx) =>
          run(tx, `update webhook_events set ${column} = ${column}`),
        );
        expect(changed).toBeUndefined();
      }
    }
  });

  test('nothing of a scope is left on the connection after its transaction', async () => {
    await database.withScope(scopeOf('caregiver'), (tx) => run(tx, 'select 1'));
    for (let round = 0; round < 12; round += 1) {
      const { rows } = await database.jobQueue.executeSql(
        `select coalesce(current_setting('app.caregiver_id', true), '') as caregiver,
           current_user = session_user as self`,
      );
      expect(rows).toEqual([{ caregiver: '', self: true }]);
    }
  });

  test('interleaved transactions of two caregivers never see each other', async () => {
    const asked = Array.from({ length: 60 }, async (_each, index) => {
      const own = index % 2 === 0 ? familyA : familyB;
      const rows = await database.withScope(
        { kind: 'caregiver', caregiverId: own.caregiverId },
        async (tx) => {
          await run(tx, 'select count(*) from turns');
          return (await run(tx, 'select id from seniors')).rows;
        },
      );
      expect(rows).toEqual([{ id: own.seniorId }]);
    });
    await Promise.all(asked);
  });

  test('an id that is not a UUID never reaches the database', async () => {
    for (const caregiverId of ['', "x' or true", '*', familyA.caregiverId.toUpperCase()]) {
      const asked = database.withScope({ kind: 'caregiver', caregiverId }, (tx) =>
        run(tx, 'select 1'),
      );
      await expect(asked).rejects.toThrow('UUID');
    }
  });
});

test('the owner of the tables, who can step down to every role, sees nothing without doing so', async () => {
  const { url } = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: url, dataDir });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const ids = newFamilyIds();
    await database.withScope({ kind: 'service' }, async (tx) => {
      for (const [table, fixture] of Object.entries(TABLE_FIXTURES)) {
        const { text, values } = insertStatement(table, fixture.row(ids, true));
        await run(tx, text, values);
      }
    });
    for (const [table, { touch }] of Object.entries(TABLE_FIXTURES)) {
      expect((await client.query(`select 1 from ${table}`)).rowCount).toBe(0);
      expect((await client.query(`update ${table} set ${touch} = ${touch}`)).rowCount).toBe(0);
      expect((await client.query(`delete from ${table}`)).rowCount).toBe(0);
    }
  } finally {
    await client.end();
    await database.close();
  }
});
