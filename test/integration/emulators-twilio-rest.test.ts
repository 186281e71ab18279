import { describe, expect, test } from 'vitest';
import type { Fault } from '../../emulators/faults.ts';
import { CALLER, OUR_NUMBER, startPair } from '../helpers/twilio-emulator-fixture.ts';
import { localTwilio } from '../helpers/twilio-sdk-client.ts';

const TWIML = '<Response><Pause length="60"/></Response>';

describe('the REST API, with the real SDK', () => {
  test('a created call is queued, then in progress, and can be fetched, listed and ended', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/go', TWIML);
    const client = localTwilio(emulator);
    const created = await client.calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      url: `${server.url}/go`,
    });
    expect(created).toMatchObject({
      status: 'queued',
      direction: 'outbound-api',
      to: CALLER,
      from: OUR_NUMBER,
    });
    expect(created.sid).toMatch(/^CA[0-9a-f]{32}$/);
    expect(created.dateCreated).toBeInstanceOf(Date);
    await server.until(() => server.at('/go').length === 1);
    expect((await client.calls(created.sid).fetch()).status).toBe('in-progress');
    const second = await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    const listed = await client.calls.list({ pageSize: 1 });
    expect(listed.map((call) => call.sid)).toEqual([second.sid, created.sid]);
    const ended = await client.calls(created.sid).update({ status: 'completed' });
    expect(ended.status).toBe('completed');
    expect(emulator.calls()[0]!.status).toBe('completed');
  });

  test('a call that is over cannot be changed: 21220', async () => {
    const { emulator } = await startPair();
    const client = localTwilio(emulator);
    const call = await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    await client.calls(call.sid).update({ status: 'completed' });
    await expect(client.calls(call.sid).update({ twiml: TWIML })).rejects.toMatchObject({
      status: 400,
      code: 21220,
    });
  });

  test('a call that rings is canceled, not redirected', async () => {
    const { emulator } = await startPair({ script: { ringMs: 5_000 } });
    const client = localTwilio(emulator);
    const call = await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    await expect(client.calls(call.sid).update({ twiml: TWIML })).rejects.toMatchObject({
      code: 21220,
    });
    const canceled = await client.calls(call.sid).update({ status: 'canceled' });
    expect(canceled.status).toBe('canceled');
    expect(await emulator.calls()[0]!.ended()).toMatchObject({ how: 'server-canceled' });
  });

  test('an unknown call is 20404, a wrong token 20003, missing parameters are named', async () => {
    const { emulator } = await startPair();
    const client = localTwilio(emulator);
    const ghost = `CA${'a'.repeat(32)}`;
    await expect(client.calls(ghost).fetch()).rejects.toMatchObject({ status: 404, code: 20404 });
    await expect(client.calls.create({ to: CALLER, from: OUR_NUMBER })).rejects.toMatchObject({
      status: 400,
      code: 21205,
    });
    await expect(
      client.calls.create({ to: 'grandma', from: OUR_NUMBER, twiml: TWIML }),
    ).rejects.toMatchObject({ status: 400, code: 21211 });
    const intruder = localTwilio({ ...emulator, url: emulator.url, authToken: 'wrong' });
    await expect(intruder.calls(ghost).fetch()).rejects.toMatchObject({ status: 401, code: 20003 });
    const statuses = emulator.log.all('rest').map((entry) => entry.status);
    expect(statuses).toEqual([404, 400, 400, 401]);
  });

  test('text messages go out with 201 and come in signed', async () => {
    const { emulator, server } = await startPair();
    const client = localTwilio(emulator);
    const sent = await client.messages.create({
      to: CALLER,
      from: OUR_NUMBER,
      body: 'Your mother had a fall.',
    });
    expect(sent).toMatchObject({ status: 'queued', body: 'Your mother had a fall.' });
    expect(emulator.messages()).toMatchObject([{ to: CALLER, sid: sent.sid }]);
    const answer = await emulator.sendMessage({ from: CALLER, to: OUR_NUMBER, body: 'Thank you' });
    expect(answer.status).toBe(200);
    expect(server.at('/message')).toMatchObject([
      { signed: true, params: { Body: 'Thank you', From: CALLER, NumMedia: '0' } },
    ]);
  });
});

describe('REST faults', () => {
  const cases: { fault: Fault; error: Record<string, unknown> | RegExp; calls: number }[] = [
    {
      fault: { kind: 'status', status: 429, retryAfterSeconds: 1 },
      error: { code: 20429 },
      calls: 0,
    },
    { fault: { kind: 'status', status: 503 }, error: { status: 503 }, calls: 0 },
    { fault: { kind: 'refuse' }, error: { code: 'ECONNRESET' }, calls: 0 },
    { fault: { kind: 'hang' }, error: { code: 'ECONNABORTED' }, calls: 0 },
    { fault: { kind: 'stop-reading' }, error: { code: 'ECONNABORTED' }, calls: 0 },
    { fault: { kind: 'stall', afterMessages: 0 }, error: { code: 'ECONNABORTED' }, calls: 1 },
    { fault: { kind: 'cut', afterMessages: 0 }, error: /aborted|ECONNRESET|hang up/, calls: 1 },
  ];
  test.each(cases)('$fault.kind: the SDK fails, and $calls calls exist', async (one) => {
    const { emulator } = await startPair();
    emulator.faults.add({ fault: one.fault, surface: 'rest', times: 1 });
    // Only where nothing comes is the wait to be short: a busy machine is slow with the rest.
    const endsByTimeout = !(one.error instanceof RegExp) && one.error['code'] === 'ECONNABORTED';
    const patient = localTwilio(emulator);
    const client = endsByTimeout ? localTwilio(emulator, 400) : patient;
    const create = client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    if (one.error instanceof RegExp) await expect(create).rejects.toThrow(one.error);
    else await expect(create).rejects.toMatchObject(one.error);
    expect(emulator.calls()).toHaveLength(one.calls);
    const after = await patient.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    expect(after.sid).toMatch(/^CA/);
  });

  const strange: Fault[] = [
    { kind: 'garbage' },
    { kind: 'wrong-shape' },
    { kind: 'empty' },
    { kind: 'oversize', bytes: 1_000_000 },
  ];
  test.each(strange)('$kind: no sid comes back although the call was made', async (fault) => {
    const { emulator } = await startPair();
    emulator.faults.add({ fault, surface: 'rest', times: 1 });
    const client = localTwilio(emulator);
    const sid = await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML }).then(
      (call) => call.sid,
      () => undefined,
    );
    expect(sid).toBeUndefined();
    expect(emulator.calls()).toHaveLength(1);
  });

  test('trickle: the SDK waits for as long as bytes keep coming, beyond its timeout', async () => {
    const { emulator } = await startPair();
    const fault: Fault = { kind: 'trickle', bytesPerSecond: 1_500 };
    emulator.faults.add({ fault, surface: 'rest', times: 1 });
    const startedMs = performance.now();
    const call = await localTwilio(emulator, 300).calls.create({
      to: CALLER,
      from: OUR_NUMBER,
      twiml: TWIML,
    });
    expect(call.sid).toMatch(/^CA/);
    expect(performance.now() - startedMs).toBeGreaterThan(500);
  });

  test('slow and duplicate: late answer, the same answer twice, one call for each request', async () => {
    const { emulator } = await startPair({ script: { restMs: 20 } });
    const client = localTwilio(emulator);
    emulator.faults.add({ fault: { kind: 'slow', factor: 10 }, surface: 'rest', times: 1 });
    const startedMs = performance.now();
    await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(195);
    emulator.faults.add({ fault: { kind: 'duplicate' }, surface: 'rest', times: 1 });
    const doubled = await client.calls.create({ to: CALLER, from: OUR_NUMBER, twiml: TWIML });
    expect(doubled.sid).toMatch(/^CA/);
    expect(emulator.calls()).toHaveLength(2);
  });
});
