import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createDurableWriter,
  type Kept,
  type WriterTrouble,
} from '../../src/store/durable-writer.ts';
import {
  durableWritesIn,
  laneOf,
  type DurableWrite,
  type DurableWriteHooks,
} from '../../src/store/durable-writes.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { openSpool } from '../../src/store/spool.ts';
import { conversationsIn } from '../../src/store/sql/conversations.ts';
import { openDatabase, type Database } from '../../src/store/sql/database.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { startPostgres, type TestDatabase, type TestPostgres } from '../helpers/postgres-server.ts';
import { seeded } from '../helpers/seeded.ts';

const key = randomBytes(32);
const sealer = createSealer([key]);
const conversations = conversationsIn(sealer);

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-durable-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

const callOf = (callSid: string, seniorId?: string) => ({
  callSid,
  seniorId,
  direction: 'inbound' as const,
  startedAtMs: 1_000,
});

function turnWrite(callSid: string, n: number, revision = 0): DurableWrite {
  return {
    kind: 'turn',
    call: callOf(callSid),
    turn: {
      speaker: n % 2 === 0 ? 'caller' : 'companion',
      turnKey: `t-${n}`,
      revision,
      kind: 'turn',
      answers: undefined,
      heard: `turn ${n} revision ${revision}`,
      spoken: n % 2 === 0 ? undefined : `turn ${n} in full`,
      interrupted: false,
      happenedAtMs: 1_000 + n,
      timings: { firstAudioMs: 12 },
    },
  };
}

/** Database, spool and writer on a new database. */
async function openAll(options: { hooks?: DurableWriteHooks; patienceMs?: number } = {}) {
  const made = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: made.url, dataDir: home });
  const spool = await openSpool({ dir: join(home, uuidv7()), sealer });
  const troubles: WriterTrouble[] = [];
  const writer = createDurableWriter<DurableWrite>({
    database,
    spool,
    apply: durableWritesIn(sealer, options.hooks),
    laneOf,
    onTrouble: (trouble) => troubles.push(trouble),
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
  });
  const close = async (): Promise<void> => {
    await writer.close();
    await spool.close();
    await database.close();
  };
  return { made, database, spool, writer, troubles, close };
}

async function heardIn(database: Database, callSid: string): Promise<string[]> {
  const turns = await database.withScope({ kind: 'service' }, (tx) =>
    conversations.turnsOf(tx, callSid, 100_000),
  );
  return turns.map((turn) => turn.heard);
}

async function eventually(what: () => Promise<boolean>, withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error(`did not come true in ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('writes that must not be lost', () => {
  test('go to the database while it is there, once, whatever comes twice or late', async () => {
    const { database, writer, spool, close } = await openAll();
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
    const { database, writer, troubles, close } = await openAll();
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
        await postgres.stopServer('kill');
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        await postgres.startServer();
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
    const { made, database, writer, close } = await openAll({ hooks, patienceMs: 80 });
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

  test('one who has lost a call to another process neither ends it nor calls anybody back', async () => {
    const told: string[] = [];
    const hooks: DurableWriteHooks = {
      conversationEnded: async (_tx, { callSid }) => void told.push(`ended ${callSid}`),
      callBackDue: async (_tx, { callSid }) => void told.push(`call back ${callSid}`),
    };
    const { database, writer, close } = await openAll({ hooks });
    const call = callOf('CA-partition');
    const ended = (resumeCount: number | undefined): DurableWrite => ({
      kind: 'conversation-ended',
      call,
      endedAtMs: 9_000,
      reason: 'stream-lost',
      resumeCount,
    });
    await writer.write({ kind: 'conversation-resumed', call, resumeCount: 1 });
    await writer.write(ended(0));
    await writer.write({ kind: 'call-back-due', call });
    const state = async () =>
      await database.withScope({ kind: 'service' }, async (tx) => {
        return (await conversations.byCallSid(tx, call.callSid))?.state;
      });
    expect(await state()).toBe('active');
    expect(told).toEqual([]);
    await writer.write(ended(1));
    await writer.write(ended(undefined));
    await writer.write({ kind: 'call-back-due', call });
    expect(await state()).toBe('ended');
    expect(told).toEqual(['ended CA-partition', 'call back CA-partition']);
    await close();
  });

  test('of two who count the same, one who has not got the call does not end it', async () => {
    const told: string[] = [];
    const { database, writer, close } = await openAll({
      hooks: { callBackDue: async (_tx, { callSid }) => void told.push(`call back ${callSid}`) },
    });
    const call = callOf('CA-two-count');
    const stored = async () =>
      await database.withScope({ kind: 'service' }, async (tx) =>
        conversations.byCallSid(tx, call.callSid),
      );
    const resumedBy = (holder: string, heldSinceMs: number, resumeCount = 1): DurableWrite => ({
      kind: 'conversation-resumed',
      call,
      resumeCount,
      holder,
      heldSinceMs,
    });
    const lostBy = (holder: string, resumeCount = 1): readonly DurableWrite[] => {
      const end = { endedAtMs: 9_000, reason: 'stream-lost' };
      return [
        { kind: 'conversation-ended', call, ...end, resumeCount, holder },
        { kind: 'call-back-due', call, end },
      ];
    };
    await writer.write(resumedBy('b', 1_000));
    // Its stream came back to the one before, which counts alone; what came before comes again.
    await writer.write(resumedBy('a', 2_000));
    await writer.write(resumedBy('b', 1_000));
    for (const write of lostBy('b')) await writer.write(write);
    expect(await stored()).toMatchObject({ state: 'active', holder: 'a', resumeCount: 1 });
    // Who has taken it since, and never had its stream, knows of more.
    for (const write of lostBy('c', 2)) await writer.write(write);
    expect((await stored())?.state).toBe('ended');
    expect(told).toEqual(['call back CA-two-count']);
    await close();
  });

  test('who said goodbye is not called back for what others found of their call', async () => {
    const told: string[] = [];
    const { writer, close } = await openAll({
      hooks: { callBackDue: async (_tx, { callSid }) => void told.push(callSid) },
    });
    const call = callOf('CA-goodbye');
    await writer.write({ kind: 'conversation-ended', call, endedAtMs: 8_000, reason: 'goodbye' });
    const end = { endedAtMs: 9_000, reason: 'stream-lost' };
    await writer.write({ kind: 'conversation-ended', call, ...end });
    await writer.write({ kind: 'call-back-due', call, end });
    expect(told).toEqual([]);
    await close();
  });

  test('what the database refuses for good is set aside and stops nothing', async () => {
    const { made, database, writer, spool, troubles, close } = await openAll({ patienceMs: 80 });
    const foreign = (n: number): DurableWrite => ({
      kind: 'conversation-started',
      call: callOf(`CA-foreign-${n}`, uuidv7()),
    });
    expect(await writer.write(foreign(0))).toBe('set-aside');
    const blocker = new pg.Client({ connectionString: made.adminUrl });
    await blocker.connect();
    await blocker.query('begin; lock table turns, conversations in access exclusive mode');
    for (const write of [turnWrite('CA-ok', 0), foreign(1), foreign(2), turnWrite('CA-ok', 1)]) {
      expect(await writer.write(write)).toBe('spool');
    }
    await blocker.query('rollback');
    await blocker.end();
    expect(await writer.flush(20_000)).toBe(true);
    expect(await heardIn(database, 'CA-ok')).toEqual(['turn 0 revision 0', 'turn 1 revision 0']);
    expect(spool.figures()).toMatchObject({ pending: 0, setAside: 3 });
    const aside = troubles.filter((trouble) => trouble.kind === 'write-set-aside');
    expect(aside).toEqual(aside.map(() => ({ kind: 'write-set-aside', code: '23503' })));
    await close();
  }, 40_000);

  test('what was set aside goes in when what was wrong is mended, on request', async () => {
    const { made, database, writer, spool, close } = await openAll();
    const call = callOf('CA-mended', uuidv7());
    expect(await writer.write({ kind: 'conversation-started', call })).toBe('set-aside');
    expect(await writer.replayAside()).toEqual({ replayed: 1, left: 0 });
    expect(await writer.flush(20_000)).toBe(true);
    // Nothing was mended.
    expect(spool.figures()).toMatchObject({ pending: 0, setAside: 2 });
    const mender = new pg.Client({ connectionString: made.adminUrl });
    await mender.connect();
    await mender.query('alter table conversations drop constraint conversations_senior_id_fkey');
    await mender.end();
    expect(await writer.replayAside()).toEqual({ replayed: 1, left: 0 });
    expect(await writer.flush(20_000)).toBe(true);
    expect(spool.figures()).toMatchObject({ pending: 0, setAside: 2 });
    expect(await writer.replayAside()).toEqual({ replayed: 0, left: 0 });
    const found = await database.withScope({ kind: 'service' }, (tx) =>
      tx.selectFrom('conversations').select('senior_id').execute(),
    );
    expect(found).toEqual([{ senior_id: call.seniorId }]);
    await close();
  }, 40_000);

  test('an entry that was applied and not yet struck off is not applied again', async () => {
    const made = await postgres.createDatabase();
    const database = await openDatabase({ databaseUrl: made.url, dataDir: home });
    const dir = join(home, uuidv7());
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
    const made = await postgres.createDatabase();
    const slow = { databaseUrl: made.url, dataDir: home, transactionTimeoutMs: 400 };
    const database = await openDatabase(slow);
    const spool = await openSpool({ dir: join(home, uuidv7()), sealer });
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
    const made = await postgres.createDatabase();
    const database = await openDatabase({ databaseUrl: made.url, dataDir: home });
    const dir = join(home, uuidv7());
    const older = join(home, uuidv7());
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

const SCRIPT = join(import.meta.dirname, '../helpers/durable-writer-process.ts');

type Writing = { acked: [number, string][]; ready: Promise<void>; ended: Promise<number | null> };

/** Starts the process; `shell` stands before it, for limits. */
function startWriting(args: string[], shell: string[] = []): Writing & { kill(): void } {
  const [command, ...rest] = [...shell, process.execPath, SCRIPT, ...args];
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const acked: [number, string][] = [];
  let isReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'ready') isReady();
    const [n, kept] = line.split(' ');
    if (kept !== undefined) acked.push([Number(n), kept]);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  void ended.then(() => isReady());
  return { acked, ready, ended, kill: () => void child.kill('SIGKILL') };
}

test('fifty times killed in mid-write, with the database coming and going: no turn lost, doubled or out of order', async () => {
  const made: TestDatabase = await postgres.createDatabase();
  await (await openDatabase({ databaseUrl: made.url, dataDir: home })).close();
  const dir = join(home, 'killed');
  const seed = Number(process.env['FUZZ_SEED']);
  const random = seeded(seed);
  const acknowledged: number[] = [];
  const kinds = new Map<string, number>();
  let next = 0;
  let away = false;
  for (let round = 0; round < 50; round += 1) {
    const shallBeAway = round >= 20 && round < 35;
    if (shallBeAway && !away) await postgres.stopServer('kill');
    if (!shallBeAway && away) await postgres.startServer();
    away = shallBeAway;
    const writing = startWriting([
      made.url,
      dir,
      key.toString('hex'),
      'CA-killed',
      String(next),
      '0',
    ]);
    await writing.ready;
    await new Promise((resolve) => setTimeout(resolve, random() * 150));
    writing.kill();
    await writing.ended;
    for (const [n, kept] of writing.acked) {
      acknowledged.push(n);
      kinds.set(kept, (kinds.get(kept) ?? 0) + 1);
    }
    // The one after the last acknowledged may or may not have been kept: it is not written again.
    next = (acknowledged.at(-1) ?? next - 1) + 2;
  }
  if (away) await postgres.startServer();
  const database = await openDatabase({ databaseUrl: made.url, dataDir: home });
  const spool = await openSpool({ dir, sealer });
  const writer = createDurableWriter<DurableWrite>({
    database,
    spool,
    apply: durableWritesIn(sealer),
    laneOf,
  });
  expect(await writer.flush(60_000), `seed ${seed}`).toBe(true);
  const found = (await heardIn(database, 'CA-killed')).map((heard) => Number(heard.split(' ')[3]));
  expect(found, `seed ${seed}`).toEqual([...new Set(found)].sort((a, b) => a - b));
  const there = new Set(found);
  expect(
    acknowledged.filter((n) => !there.has(n)),
    `seed ${seed}`,
  ).toEqual([]);
  expect(spool.figures()).toMatchObject({ pending: 0, corrupt: 0 });
  console.info(`seed ${seed}: ${acknowledged.length} acknowledged, ${JSON.stringify([...kinds])}`);
  expect(kinds.get('database')).toBeGreaterThan(10);
  expect(kinds.get('spool')).toBeGreaterThan(50);
  await writer.close();
  await spool.close();
  await database.close();
}, 120_000);

test('disk full and database away: refused loudly, nothing thrown, and what was kept is kept', async () => {
  const dir = join(home, 'full');
  // The operating system itself refuses to let any file grow beyond 16 KiB.
  const writing = startWriting(
    ['postgres://nobody@localhost/none?host=/nowhere', dir, key.toString('hex'), 'CA', '0', '120'],
    ['bash', '-c', 'ulimit -f 16; exec "$0" "$@"'],
  );
  expect(await writing.ended).toBe(0);
  const kept = writing.acked.filter(([, how]) => how === 'spool').map(([n]) => n);
  const refused = writing.acked.filter(([, how]) => how === 'refused').map(([n]) => n);
  expect(kept.length).toBeGreaterThan(10);
  expect(refused.length).toBeGreaterThan(10);
  expect(kept.length + refused.length).toBe(120);
  const spool = await openSpool({ dir, sealer });
  const entries = await spool.next(1_000);
  expect(
    entries.map(({ text }) => (JSON.parse(text) as { turn: { turnKey: string } }).turn.turnKey),
  ).toEqual(kept.map((n) => `turn-${n}`));
  expect(await spool.append('room again')).toMatchObject({ kind: 'kept' });
  await spool.close();
}, 60_000);
