/** The work after a whole emulated call, on both databases. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Database } from '../../src/store/sql/database.ts';
import { addCaregivers, isIdle } from '../helpers/after-call-world.ts';
import { eventually } from '../helpers/eventually.ts';
import { lineOn, speakLines, wholeCall, type Lines } from '../helpers/kept-call.ts';
import { greeted, hangUp, MARGARET } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const service = { kind: 'service' } as const;

let postgres: TestPostgres;
let home: string;
let lines: Lines;
beforeAll(async () => {
  [postgres, home, lines] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-after-call-')),
    speakLines(),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

async function rowsAfter(database: Database, conversationId: string) {
  return await database.withScope(service, async (tx) => {
    const of = 'conversation_id';
    return {
      analyses: await tx
        .selectFrom('analyses')
        .selectAll()
        .where(of, '=', conversationId)
        .execute(),
      memories: await tx
        .selectFrom('memories')
        .selectAll()
        .where(of, '=', conversationId)
        .execute(),
      steps: await tx
        .selectFrom('conversation_steps')
        .selectAll()
        .where(of, '=', conversationId)
        .orderBy('step')
        .execute(),
      deliveries: await tx
        .selectFrom('alert_deliveries')
        .innerJoin('alerts', 'alerts.id', 'alert_deliveries.alert_id')
        .selectAll('alert_deliveries')
        .where('alerts.conversation_id', '=', conversationId)
        .orderBy('step')
        .execute(),
      attempts: await tx.selectFrom('job_attempts').selectAll().orderBy('queue').execute(),
    };
  });
}

describe.concurrent.each(['server', 'embedded'] as const)('after a whole call: %s', (kind) => {
  test('everything is there exactly once, and the next call knows what was told', async (context) => {
    const { expect } = context;
    const made = kind === 'server' ? await postgres.createDatabase() : undefined;
    const { line } = await lineOn(context, home, made?.url);
    const durability = line.app.durability!;
    const { store, jobs, directory } = durability;
    await durability.settled;
    const seniorId = directory.byPhone(MARGARET.phone)!.personId;
    const caregivers = await store.database.withScope(service, async (tx) => {
      const { family_id: familyId } = await tx
        .selectFrom('seniors')
        .select('family_id')
        .where('id', '=', seniorId)
        .executeTakeFirstOrThrow();
      return await addCaregivers(tx, familyId!, seniorId);
    });
    const leg = await wholeCall(line, lines);
    await hangUp(line, leg);
    expect(await durability.flush(20_000)).toBe(true);
    await eventually(() => jobs.figures().state === 'running', 20_000);
    await eventually(() => isIdle(jobs), 20_000);

    const conversation = await store.database.withScope(service, (tx) =>
      store.conversations.byCallSid(tx, leg.callSid),
    );
    expect(conversation?.state).toBe('ended');
    const after = await rowsAfter(store.database, conversation!.conversationId);
    expect(after.analyses).toMatchObject([{ version: 1, model: 'claude' }]);
    expect(after.steps).toMatchObject([
      { step: 'memories', figures: { added: after.memories.length, strengthened: 0 } },
      { step: 'notify', figures: { alerts: 1 } },
      { step: 'transcript', figures: { callerTurns: 4, interruptions: 1, callerWords: 24 } },
    ]);
    expect(after.memories.length).toBeGreaterThan(0);
    expect(after.deliveries).toMatchObject([
      { caregiver_id: caregivers[0], channel: 'sms', step: 1, state: 'pending' },
      { caregiver_id: caregivers[1], channel: 'email', step: 2, state: 'pending' },
    ]);
    const [first, second] = after.deliveries.map((each) => each.next_attempt_at!.getTime());
    expect(second! - first!).toBe(5 * 60_000);
    // Once for the alert in the call, once for the call.
    expect(after.attempts.map(({ queue, outcome }) => [queue, outcome])).toEqual([
      ['after-call', 'done'],
      ['analysis', 'done'],
      ['memories', 'done'],
      ['notify', 'done'],
      ['notify', 'done'],
      ['transcript', 'done'],
    ]);

    // Told again by a spool, the end of the call begins nothing anew.
    const call = { callSid: leg.callSid, seniorId, direction: 'inbound', startedAtMs: 1 } as const;
    await store.writer.write({
      kind: 'conversation-ended',
      call,
      endedAtMs: 2,
      reason: 'again',
    });
    await directory.refresh();
    expect(directory.byPhone(MARGARET.phone)?.facts.join()).toMatch(/fallen/);
    const again = await line.dial();
    await greeted(again);
    await again.say(lines.roses);
    await again.waitForWords(/the roses\?/);
    const asked = line.anthropic.log.all('request').at(-1);
    expect(JSON.stringify(asked?.system)).toContain('I have fallen and I cannot get up');
    expect(await rowsAfter(store.database, conversation!.conversationId)).toEqual(after);
  }, 90_000);
});
