import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDurableWriter } from '../../src/store/durable-writer.ts';
import { durableWritesIn, laneOf, type DurableWrite } from '../../src/store/durable-writes.ts';
import { openSpool } from '../../src/store/spool.ts';
import { openDatabase } from '../../src/store/sql/database.ts';
import {
  heardIn,
  key,
  sealer,
  startDurableWorld,
  type DurableWorld,
} from '../helpers/durable-world.ts';
import { seeded } from '../helpers/seeded.ts';

let world: DurableWorld;
beforeAll(async () => {
  world = await startDurableWorld();
}, 180_000);
afterAll(async () => await world?.stop());

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
  const made = await world.postgres.createDatabase();
  await (await openDatabase({ databaseUrl: made.url, dataDir: world.home })).close();
  const dir = join(world.home, 'killed');
  const seed = Number(process.env['FUZZ_SEED']);
  const random = seeded(seed);
  const acknowledged: number[] = [];
  const kinds = new Map<string, number>();
  let next = 0;
  let away = false;
  for (let round = 0; round < 50; round += 1) {
    const shallBeAway = round >= 20 && round < 35;
    if (shallBeAway && !away) await world.postgres.stopServer('kill');
    if (!shallBeAway && away) await world.postgres.startServer();
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
  if (away) await world.postgres.startServer();
  const database = await openDatabase({ databaseUrl: made.url, dataDir: world.home });
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
  const dir = join(world.home, 'full');
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
