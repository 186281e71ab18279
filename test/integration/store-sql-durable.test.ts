import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDurableWriter, type Kept } from '../../src/store/durable-writer.ts';
import {
  durableWritesIn,
  laneOf,
  type DurableWrite,
  type DurableWriteHooks,
} from '../../src/store/durable-writes.ts';
import { openSpool } from '../../src/store/spool.ts';
import { openDatabase } from '../../src/store/sql/database.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import {
  callOf,
  heardIn,
  sealer,
  startDurableWorld,
  turnWrite,
  type DurableWorld,
} from '../helpers/durable-world.ts';
import { eventually } from '../helpers/eventually.ts';

let world: DurableWorld;
beforeAll(async () => {
  world = await startDurableWorld();
}, 180_000);
afterAll(async () => await world?.stop());

describe('writes that must not be lost', () => {
  test('go to the database while it is there, once, whatever comes twice or late', async () => {
    const { database, writer, spool, close } = await world.openAll();
    const kept: Kept[] = [];
    for (const write of [
      turnWrite('CA1', 0, 1),
      turnWrite('CA1', 1),
      turnWrite('CA1', 0, 0),
      turnWrite('CA1', 1),
      turnWrite('CA1', 0, 2),
    ]) {
      kept.push(await writer.write(write));
    }
    expect(kept).toEqual(kept.map(() => 'database'));
    expect(await heardIn(database, 'CA1')).toEqual(['turn 0 revision 2', 'turn 1 revision 0']);
    expect(spool.figures().pending).toBe(0);
    await close();
  });

  test('the database gone in mid-call: calls go on, all is there soon after, once and in order', async () => {
    const { database, writer, troubles, close } = await world.openAll();
    const calls = Array.from({ length: 20 }, (_each, n) => `CA-gone-${n}`);
    const outcomes = new Map<Kept, number>();
    let slowestMs = 0;
    let stopped = false;
    const sizes = await Promise.all([
      ...calls.map(async (callSid) => {
        let n = 0;
        for (; !stopped || n < 30; n += 1) {
          const startedAt = performance.now();
          const kept = await writer.write(turnWrite(callSid, n));
          slowestMs = Math.max(slowestMs, performance.now() - startedAt);
          outcomes.set(kept, (outcomes.get(kept) ?? 0) + 1);
          await new Promise((resolve) => setTimeout(resolve, 30));
        }
        return n;
      }),
      (async () => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        await world.postgres.stopServer('kill');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        await world.postgres.startServer();
        await new Promise((resolve) => setTimeout(resolve, 500));
        stopped = true;
        return 0;
      })(),
    ]);
    expect([...outcomes.keys()].sort()).toEqual(['database', 'spool']);
    expect(outcomes.get('spool')).toBeGreaterThan(100);
    const waitedFrom = performance.now();
    expect(await writer.flush(60_000)).toBe(true);
    console.info(
      `slowest write ${slowestMs.toFixed(0)} ms, ${outcomes.get('spool')} through the spool, ` +
        `all there ${(performance.now() - waitedFrom).toFixed(0)} ms after the last`,
    );
    expect(slowestMs).toBeLessThan(2_500);
    for (const [index, callSid] of calls.entries()) {
      expect(await heardIn(database, callSid)).toEqual(
        Array.from({ length: sizes[index] ?? 0 }, (_each, n) => `turn ${n} revision 0`),
      );
    }
    expect(troubles.map((trouble) => trouble.kind)).toContain('database-back');
    expect(await writer.write(turnWrite('CA-after', 0))).toBe('database');
    await close();
  }, 90_000);

  test('a database that does not answer is not waited for, and nothing comes twice', async () => {
    const ended: string[] = [];
    const hooks: DurableWriteHooks = {
      conversationEnded: async (_tx, call) => void ended.push(call.callSid),
    };
    const { made, database, writer, close } = await world.openAll({ hooks, patienceMs: 80 });
    await writer.write(turnWrite('CA-slow', 0));
    const blocker = new pg.Client({ connectionString: made.adminUrl });
    await blocker.connect();
    await blocker.query('begin; lock table turns, conversations in access exclusive mode');
    const startedAt = performance.now();
    const kept = await Promise.all([
      writer.write(turnWrite('CA-slow', 1)),
      writer.write(turnWrite('CA-slow', 2)),
      writer.write({
        kind: 'conversation-ended',
        call: callOf('CA-slow'),
        endedAtMs: 9_000,
        reason: 'caller-hung-up',
      }),
    ]);
    expect(kept).toEqual(['spool', 'spool', 'spool']);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    await blocker.query('rollback');
    await blocker.end();
    expect(await writer.flush(20_000)).toBe(true);
    expect(await heardIn(database, 'CA-slow')).toEqual(
      [0, 1, 2].map((n) => `turn ${n} revision 0`),
    );
    expect(ended).toEqual(['CA-slow']);
    await close();
  }, 40_000);

  test('an entry that was applied and not yet struck off is not applied again', async () => {
    const made = await world.postgres.createDatabase();
    const database = await openDatabase({ databaseUrl: made.url, dataDir: world.home });
    const dir = join(world.home, uuidv7());
    let applied = 0;
    for (let round = 0; round < 3; round += 1) {
      const spool = await openSpool({ dir, sealer });
      if (round === 0) for (const n of [1, 2, 3]) await spool.append(JSON.stringify({ n }));
      const writer = createDurableWriter<{ n: number }>({
        database,
        // As if the process died before it could strike anything off.
        spool: { ...bound(spool), done: async () => undefined },
        // Not idempotent by itself: only the spool's position keeps it from counting twice.
        apply: async () => void (applied += 1),
        laneOf: () => 'one',
      });
      await eventually(async () => {
        const { rows } = await database.jobQueue.executeSql('select 1 where false');
        return rows.length === 0 && applied === 3;
      }, 5_000);
      await writer.flush(300);
      await writer.close();
      await spool.close();
    }
    expect(applied).toBe(3);
    await database.close();
  });

  test('a database too slow for a full batch takes smaller ones until all is there', async () => {
    const made = await world.postgres.createDatabase();
    const slow = { databaseUrl: made.url, dataDir: world.home, transactionTimeoutMs: 400 };
    const database = await openDatabase(slow);
    const spool = await openSpool({ dir: join(world.home, uuidv7()), sealer });
    const all = Array.from({ length: 50 }, (_each, n) => n);
    for (const n of all) await spool.append(JSON.stringify({ n }));
    const applied = new Set<number>();
    const writer = createDurableWriter<{ n: number }>({
      database,
      spool,
      // All fifty take more than twice the time of a transaction.
      apply: async (tx, { n }) => {
        await sql`select pg_sleep(0.02)`.execute(tx);
        applied.add(n);
      },
      laneOf: () => 'one',
    });
    expect(await writer.flush(9_000)).toBe(true);
    expect([...applied]).toEqual(all);
    await writer.close();
    await spool.close();
    await database.close();
  });

  test('a journal put back from an older copy hides nothing that is written from then on', async () => {
    const made = await world.postgres.createDatabase();
    const database = await openDatabase({ databaseUrl: made.url, dataDir: world.home });
    const dir = join(world.home, uuidv7());
    const older = join(world.home, uuidv7());
    const spoolThem = async (turns: number[], isDrained: boolean): Promise<void> => {
      const spool = await openSpool({ dir, sealer });
      for (const n of turns) await spool.append(JSON.stringify(turnWrite('CA-back', n)));
      if (!isDrained) return spool.close();
      const apply = durableWritesIn(sealer);
      const writer = createDurableWriter<DurableWrite>({ database, spool, apply, laneOf });
      expect(await writer.flush(9_000)).toBe(true);
      await writer.close();
      await spool.close();
    };
    await spoolThem([0], false);
    await cp(dir, older, { recursive: true });
    await spoolThem([1, 2, 3], true);
    await rm(dir, { recursive: true });
    await cp(older, dir, { recursive: true });
    await spoolThem([4, 5], true);
    expect(await heardIn(database, 'CA-back')).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => `turn ${n} revision 0`),
    );
    await database.close();
  });
});

/** The spool's methods as an object that can be spread. */
function bound(spool: Awaited<ReturnType<typeof openSpool>>) {
  return {
    spoolId: spool.spoolId,
    lastSeqAtOpen: spool.lastSeqAtOpen,
    renew: spool.renew.bind(spool),
    append: spool.append.bind(spool),
    next: spool.next.bind(spool),
    done: spool.done.bind(spool),
    setAside: spool.setAside.bind(spool),
    replayAside: spool.replayAside.bind(spool),
    figures: spool.figures.bind(spool),
    close: spool.close.bind(spool),
  };
}
