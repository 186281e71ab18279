import { describe, expect, test } from 'vitest';
import { Breaker } from '../../adapters/breaker.ts';
import { guardLlm, guardTelephony, guardTts } from '../../adapters/guarded.ts';
import { RequestBreaker } from '../../adapters/request-breaker.ts';
import type { LlmVendor } from '../../adapters/llm/port.ts';
import type { TelephonyVendor } from '../../adapters/telephony/port.ts';
import type { TtsEvent, TtsVendor } from '../../adapters/tts/port.ts';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';

function clocked(): { breaker: Breaker; advance: (ms: number) => void } {
  let nowMs = 1_000;
  const breaker = new Breaker('claude', { nowMs: () => nowMs });
  return { breaker, advance: (ms) => (nowMs += ms) };
}

function fail(breaker: Breaker, failure: VendorFailure, retryAfterMs?: number): void {
  breaker.enter().failed(new VendorError('claude', failure, { retryAfterMs }));
}

function refusal(breaker: Breaker): VendorError | undefined {
  try {
    breaker.enter().cancelled();
    return undefined;
  } catch (error) {
    return error as VendorError;
  }
}

describe('the breaker', () => {
  test('opens when half of at least five requests failed, and says why', () => {
    const { breaker } = clocked();
    for (let i = 0; i < 4; i += 1) fail(breaker, 'overloaded');
    expect(breaker.status().state).toBe('closed');
    fail(breaker, 'stalled');
    expect(breaker.status()).toMatchObject({ state: 'open', reason: 'stalled', failures: 5 });
    expect(refusal(breaker)).toMatchObject({ failure: 'breaker-open', retryAfterMs: 5_000 });
  });

  test('does not open on failures that are old or outweighed', () => {
    const { breaker, advance } = clocked();
    for (let i = 0; i < 4; i += 1) fail(breaker, 'overloaded');
    advance(30_001);
    fail(breaker, 'overloaded');
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 1 });
    for (let i = 0; i < 9; i += 1) breaker.enter().succeeded();
    for (let i = 0; i < 4; i += 1) fail(breaker, 'overloaded');
    expect(breaker.status().state).toBe('closed');
  });

  test('lets one probe through when the time is over; its success closes', () => {
    const { breaker, advance } = clocked();
    for (let i = 0; i < 5; i += 1) fail(breaker, 'overloaded');
    advance(5_000);
    expect(breaker.status().state).toBe('half-open');
    const probe = breaker.enter();
    expect(refusal(breaker)?.failure).toBe('breaker-open');
    probe.succeeded();
    expect(breaker.status()).toMatchObject({ state: 'closed', reason: undefined, failures: 0 });
  });

  test('a failed probe opens again for twice as long, up to a limit', () => {
    const { breaker, advance } = clocked();
    for (let i = 0; i < 5; i += 1) fail(breaker, 'overloaded');
    for (const waitMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      expect(breaker.status().retryInMs).toBe(waitMs);
      advance(waitMs);
      fail(breaker, 'overloaded');
    }
  });

  test('a cancelled probe counts as neither, and the next request is the probe', () => {
    const { breaker, advance } = clocked();
    for (let i = 0; i < 5; i += 1) fail(breaker, 'overloaded');
    advance(5_000);
    breaker.enter().cancelled();
    expect(breaker.status().state).toBe('half-open');
    breaker.enter().succeeded();
    expect(breaker.status().state).toBe('closed');
  });

  test('our own bad request never opens it; a refused key does at once', () => {
    const { breaker } = clocked();
    for (let i = 0; i < 50; i += 1) fail(breaker, 'bad-request');
    for (let i = 0; i < 50; i += 1) fail(breaker, 'cancelled');
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
    fail(breaker, 'auth');
    expect(breaker.status()).toMatchObject({ state: 'open', reason: 'auth', retryInMs: 60_000 });
  });

  test('honours the wait that a vendor asks for', () => {
    const { breaker } = clocked();
    fail(breaker, 'rate-limited', 17_000);
    expect(breaker.status()).toMatchObject({ state: 'open', retryInMs: 17_000 });
  });

  test('a stream that breaks after its first byte is a success and a failure', () => {
    const { breaker } = clocked();
    const permit = breaker.enter();
    permit.succeeded();
    permit.succeeded();
    permit.failed(new VendorError('claude', 'stalled'));
    permit.failed(new VendorError('claude', 'stalled'));
    permit.cancelled();
    expect(breaker.status()).toMatchObject({ successes: 1, failures: 1 });
  });

  test('keeps a bounded memory', () => {
    const { breaker } = clocked();
    for (let i = 0; i < 20_000; i += 1) breaker.enter().succeeded();
    expect(breaker.status().successes).toBeLessThanOrEqual(500);
  });
});

const REQUEST = {
  system: [],
  messages: [],
  tools: [],
  maxTokens: 10,
  firstTokenTimeoutMs: 100,
  stallTimeoutMs: 100,
  signal: new AbortController().signal,
};

describe('guarded vendors', () => {
  test('a model that fails is not asked again until its time', async () => {
    let asked = 0;
    const vendor: LlmVendor = {
      vendor: 'claude',
      // oxlint-disable-next-line require-yield
      stream: async function* () {
        asked += 1;
        throw new VendorError('claude', 'auth');
      },
    };
    const guarded = guardLlm(vendor, new Breaker('claude'));
    const failures: VendorFailure[] = [];
    for (let i = 0; i < 3; i += 1) {
      try {
        for await (const _ of guarded.stream(REQUEST)) throw new Error('no event expected');
      } catch (error) {
        failures.push((error as VendorError).failure);
      }
    }
    expect(failures).toEqual(['auth', 'breaker-open', 'breaker-open']);
    expect(asked).toBe(1);
  });

  test('leaving a stream early counts as neither', async () => {
    const vendor: LlmVendor = {
      vendor: 'claude',
      stream: async function* () {
        yield { kind: 'text', text: 'Hello' };
        yield { kind: 'text', text: ' there' };
      },
    };
    const breaker = new Breaker('claude');
    for await (const _ of guardLlm(vendor, breaker).stream(REQUEST)) break;
    expect(breaker.status()).toMatchObject({ successes: 1, failures: 0 });
  });

  test('case 54: a session opened in good times fails new utterances at once', async () => {
    let tell: (event: TtsEvent) => void = () => undefined;
    const said: number[] = [];
    const vendor: TtsVendor = {
      vendor: 'elevenlabs-socket',
      open: async (options) => {
        tell = options.onEvent;
        return {
          vendor: 'elevenlabs-socket',
          say: (utterance) => said.push(utterance),
          finish: () => undefined,
          cancel: () => undefined,
          close: () => undefined,
        };
      },
    };
    const breaker = new Breaker('elevenlabs-socket', { volumeThreshold: 2 });
    const events: TtsEvent[] = [];
    const session = await guardTts(vendor, breaker).open({
      voiceId: 'v',
      language: 'en-US',
      speed: 1,
      openTimeoutMs: 1,
      firstByteTimeoutMs: 1,
      stallTimeoutMs: 1,
      onEvent: (event) => events.push(event),
    });
    const error = new VendorError('elevenlabs-socket', 'no-first-byte');
    for (const utterance of [1, 2]) {
      session.say(utterance, 'Hello. ');
      tell({ kind: 'utterance-failed', utterance, error });
    }
    expect(breaker.status().state).toBe('open');
    session.say(3, 'Hello. ');
    session.say(3, 'Again. ');
    session.finish(3);
    session.say(4, 'Hello. ');
    session.cancel(4);
    await Promise.resolve();
    expect(said).toEqual([1, 2]);
    expect(events.slice(2)).toMatchObject([
      { kind: 'utterance-failed', utterance: 3, error: { failure: 'breaker-open' } },
    ]);
  });

  test('a hang-up goes out whatever the state', async () => {
    const hungUp: string[] = [];
    const error = new VendorError('twilio', 'auth');
    const vendor: TelephonyVendor = {
      placeCall: async () => Promise.reject(error),
      hangUp: async (callSid) => {
        hungUp.push(callSid);
      },
      cancel: async (callSid) => {
        hungUp.push(callSid);
      },
      redirect: async () => undefined,
      sendSms: async () => undefined,
    };
    const breaker = new RequestBreaker('twilio');
    const guarded = guardTelephony(vendor, breaker);
    const call = { to: '', answerUrl: '', statusUrl: '', amdUrl: '' };
    const request = { ...call, ringTimeoutSeconds: 1, timeLimitSeconds: 1 };
    await expect(guarded.placeCall(request)).rejects.toBe(error);
    await expect(guarded.placeCall(request)).rejects.toMatchObject({ failure: 'breaker-open' });
    await guarded.hangUp('CA1');
    await guarded.cancel('CA2');
    expect(hungUp).toEqual(['CA1', 'CA2']);
    breaker.shutDown();
  });
});
