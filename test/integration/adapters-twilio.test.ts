import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { PlaceCallRequest, TelephonyVendor } from '../../adapters/telephony/port.ts';
import { createTwilio } from '../../adapters/telephony/twilio.ts';
import type { Fault } from '../../emulators/faults.ts';
import { startTwilioEmulator } from '../../emulators/twilio/emulator.ts';
import type { TwilioEmulator } from '../../emulators/twilio/types.ts';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';

const OURS = '+15550001111';
const THEIRS = '+15550002222';
const TIMEOUT_MS = 400;
let emulator: TwilioEmulator;
let vendor: TelephonyVendor;

beforeAll(async () => {
  emulator = await startTwilioEmulator({ numbers: [{ phoneNumber: OURS }] });
  vendor = await createTwilio({
    accountSid: emulator.accountSid,
    authToken: emulator.authToken,
    phoneNumber: OURS,
    baseUrl: emulator.url,
    timeoutMs: TIMEOUT_MS,
  });
});
afterAll(async () => emulator.close());

function callRequest(): PlaceCallRequest {
  return {
    to: THEIRS,
    answerUrl: 'http://127.0.0.1:9/answer',
    statusUrl: 'http://127.0.0.1:9/status',
    amdUrl: 'http://127.0.0.1:9/amd',
    ringTimeoutSeconds: 25,
    timeLimitSeconds: 1_800,
  };
}

const FAULTS: readonly [Fault, VendorFailure][] = [
  [{ kind: 'status', status: 401 }, 'auth'],
  [{ kind: 'status', status: 400 }, 'bad-request'],
  [{ kind: 'status', status: 404 }, 'bad-request'],
  [{ kind: 'status', status: 429 }, 'rate-limited'],
  [{ kind: 'status', status: 500 }, 'overloaded'],
  [{ kind: 'refuse' }, 'unreachable'],
  [{ kind: 'hang' }, 'no-first-byte'],
  [{ kind: 'stop-reading' }, 'no-first-byte'],
  [{ kind: 'garbage' }, 'garbage'],
  [{ kind: 'wrong-shape' }, 'garbage'],
  [{ kind: 'empty' }, 'garbage'],
];

async function errorOf(request: Promise<unknown>): Promise<VendorError> {
  const error: unknown = await request.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(VendorError);
  return error as VendorError;
}

describe('Twilio REST', () => {
  test('places a call with everything it needs, once', async () => {
    const before = emulator.calls().length;
    onTestFinished(emulator.onOutboundCall((leg) => leg.noAnswer({ afterMs: 50 })));
    const sid = await vendor.placeCall(callRequest());
    expect(emulator.calls()).toHaveLength(before + 1);
    expect(emulator.calls().at(-1)).toMatchObject({ callSid: sid, to: THEIRS, from: OURS });
    const request = emulator.log.entries.findLast((e) => e.what === 'rest');
    expect(JSON.stringify(request)).toContain('DetectMessageEnd');
    expect(JSON.stringify(request)).toContain('AsyncAmd');
  });

  test.for(FAULTS)('case 52: placing a call fails once on %o', async ([fault, failure]) => {
    onTestFinished(emulator.onOutboundCall((leg) => leg.noAnswer({ afterMs: 10 })));
    onTestFinished(emulator.faults.add({ fault, surface: 'rest' }));
    const from = emulator.log.entries.length;
    const startedAtMs = performance.now();
    const error = await errorOf(vendor.placeCall(callRequest()));
    expect(error.failure).toBe(failure);
    expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS + 400);
    const faults = emulator.log.entries.slice(from).filter((e) => e.what === 'fault');
    expect(faults).toHaveLength(1);
    // Numbers and credentials must not travel into logs with the error.
    const told = JSON.stringify([error, error.cause, String(error.cause), error.message]);
    expect(told).not.toContain('555');
    expect(told).not.toContain(emulator.authToken);
  });

  test('hanging up a call that is over, or was never there, is a success', async () => {
    onTestFinished(emulator.onOutboundCall((leg) => leg.busy()));
    const sid = await vendor.placeCall(callRequest());
    const leg = emulator.calls().find((call) => call.callSid === sid);
    await expect.poll(() => leg?.status).toBe('busy');
    await vendor.hangUp(sid);
    await vendor.hangUp(`CA${'0'.repeat(32)}`);
    expect(leg?.status).toBe('busy');
  });

  test('hanging up ends a call, and redirecting one that is over fails as gone', async () => {
    onTestFinished(emulator.onOutboundCall(() => undefined));
    const sid = await vendor.placeCall(callRequest());
    await vendor.hangUp(sid);
    const leg = emulator.calls().find((call) => call.callSid === sid);
    await expect.poll(() => leg?.status).toMatch(/^(?:canceled|completed)$/);
    const error = await errorOf(vendor.redirect(sid, 'http://127.0.0.1:9/resume'));
    expect(error).toMatchObject({ failure: 'gone', status: 400 });
  });

  test('cancelling stops a call that rings, and leaves one alone that was answered', async () => {
    const answering = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/xml');
      response.end('<Response><Pause length="20"/></Response>');
    });
    await once(answering.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(async () => {
      answering.closeAllConnections();
      await new Promise((resolve) => answering.close(resolve));
    });
    const { port } = answering.address() as AddressInfo;
    const request = { ...callRequest(), answerUrl: `http://127.0.0.1:${port}/answer` };
    const legOf = (sid: string) => emulator.calls().find((call) => call.callSid === sid);
    const stopRinging = emulator.onOutboundCall(() => undefined);
    const ringing = await vendor.placeCall(request);
    await vendor.cancel(ringing);
    await expect.poll(() => legOf(ringing)?.status).toBe('canceled');
    stopRinging();
    const answered = await vendor.placeCall(request);
    await expect.poll(() => legOf(answered)?.status).toBe('in-progress');
    await vendor.cancel(answered);
    expect(legOf(answered)?.status).toBe('in-progress');
    await vendor.hangUp(answered);
    await expect.poll(() => legOf(answered)?.status).toBe('completed');
    await vendor.cancel(answered);
  });

  test('sends a text message', async () => {
    await vendor.sendSms(THEIRS, 'Rosa asked for you.');
    expect(emulator.messages().at(-1)).toMatchObject({
      to: THEIRS,
      from: OURS,
      body: 'Rosa asked for you.',
    });
  });
});
