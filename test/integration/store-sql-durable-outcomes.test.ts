import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DurableWrite, DurableWriteHooks } from '../../src/store/durable-writes.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import {
  callOf,
  conversations,
  heardIn,
  startDurableWorld,
  turnWrite,
  type DurableWorld,
} from '../helpers/durable-world.ts';

let world: DurableWorld;
beforeAll(async () => {
  world = await startDurableWorld();
}, 180_000);
afterAll(async () => await world?.stop());

describe('of several who write of a call', () => {
  test('one who has lost a call to another process neither ends it nor calls anybody back', async () => {
    const told: string[] = [];
    const hooks: DurableWriteHooks = {
      conversationEnded: async (_tx, { callSid }) => void told.push(`ended ${callSid}`),
      callBackDue: async (_tx, { callSid }) => void told.push(`call back ${callSid}`),
    };
    const { database, writer, close } = await world.openAll({ hooks });
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
    const { database, writer, close } = await world.openAll({
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
    const { writer, close } = await world.openAll({
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
});

describe('a write that the database refuses', () => {
  test('what the database refuses for good is set aside and stops nothing', async () => {
    const { made, database, writer, spool, troubles, close } = await world.openAll({
      patienceMs: 80,
    });
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
    const { made, database, writer, spool, close } = await world.openAll();
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
});
