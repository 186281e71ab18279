/** The database goes away in the middle of a call. The call does not notice; nothing is lost. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  expectWholeCall,
  lineOn,
  speakLines,
  stored,
  wholeCall,
  type Lines,
} from '../helpers/kept-call.ts';
import { hangUp } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const AWAY_MS = 10_000;

let postgres: TestPostgres;
let home: string;
let lines: Lines;

beforeAll(async () => {
  [postgres, home, lines] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-outages-')),
    speakLines(),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

test('the database is gone for ten seconds of a call: heard as ever, and all is there soon after', async (context) => {
  const made = await postgres.createDatabase();
  const kept = await lineOn(context, home, made.url);
  const { line } = kept;
  await line.app.durability?.settled;
  const calling = wholeCall(line, lines);
  await line.waitForEvent('caller-said', () => true, 20_000);
  await postgres.stopServer('kill');
  const away = performance.now();
  await line.waitForEvent('companion-said', ({ interrupted }) => interrupted, 20_000);
  const health = (await (await fetch(`${line.url}/health`)).json()) as Record<string, unknown>;
  expect(health).toMatchObject({ status: 'degraded', database: { ok: false } });
  expect((health['spool'] as { pending: number }).pending).toBeGreaterThan(0);
  const leftMs = AWAY_MS - (performance.now() - away);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)));
  await postgres.startServer();
  const leg = await calling;
  await hangUp(line, leg);
  expect(await line.app.durability?.flush(20_000)).toBe(true);
  const messages = line.logLines.map(({ message }) => message);
  expect(messages).toContain('database away: writing to the spool');
  expect(messages).toContain('database back: the spool is drained');
  expect(line.app.durability?.figures().writes).toMatchObject({ 'set-aside': 0, refused: 0 });
  await line.close();
  const { turns, conversation } = await stored(kept, leg.callSid, made.url);
  expectWholeCall(turns, leg);
  expect(conversation).toMatchObject({ state: 'ended', endReason: 'caller-hung-up' });
}, 90_000);
