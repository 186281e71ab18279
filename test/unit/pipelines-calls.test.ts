/** What becomes of calls that wait for a stream: the end that is told, and who is called back. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallKeeper } from '../../pipelines/call-keeper.ts';
import { Calls } from '../../pipelines/calls.ts';
import type { CallServices } from '../../pipelines/call-types.ts';
import { NO_RECORDS } from '../../pipelines/records.ts';
import { SpeechCache } from '../../pipelines/speech-cache.ts';
import { stranger } from '../../src/companion/person.ts';
import { VendorError } from '../../src/errors.ts';
import { EventHub } from '../../src/events.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import type { SessionStore } from '../../src/store/session-store.ts';

const SOMEBODY = stranger('+15555550142');
const GRACE_MS = 20_000;
const REAPED_MS = 121_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const nothing = (): void => undefined;
const breathe = async (): Promise<void> => void (await vi.advanceTimersByTimeAsync(50));

/** Calls of one process, mute and deaf: nobody but the carrier has anything to say. */
function callsOn(store: SessionStore, instance = 'a') {
  const told: string[] = [];
  const services: CallServices = {
    stt: [],
    llm: [],
    tts: [],
    telephony: {
      placeCall: async () => 'CA1',
      hangUp: async () => undefined,
      cancel: async () => undefined,
      sendSms: async () => undefined,
      redirect: async () => {
        throw new VendorError('twilio', 'unreachable');
      },
    },
    speechCache: new SpeechCache([]),
    events: new EventHub((error) => {
      throw error;
    }),
    records: {
      ...NO_RECORDS,
      ended: (_call, _at, reason) => told.push(`ended ${reason}`),
      handedOver: () => told.push('handed over'),
      callBackDue: () => told.push('call back'),
    },
    keep: (record, onOvertaken) =>
      new CallKeeper({
        store,
        sealer: undefined,
        record: { ...record, owner: instance },
        onOvertaken,
        onSettled: () => undefined,
      }),
    isStale: async () => false,
    voiceId: 'v',
    wallClock: () => new Date(),
    resumeUrl: () => 'https://example.test/voice/resume',
    sayUrl: () => 'https://example.test/voice/say',
    onDefect: (_callSid, error) => {
      throw error;
    },
  };
  const urls = () => ({ answer: '', status: '', amd: '' });
  const calls = new Calls({ services, maxCalls: 10, urls, settings: { resumeGraceMs: GRACE_MS } });
  const keepAlive = setInterval(() => calls.keepAlive(), 10_000);
  keepAlive.unref();
  return { calls, told };
}

/** A call with a media stream, as the carrier sees it. */
function talking(calls: Calls) {
  const call = calls.answer('CA1', 'inbound', SOMEBODY)!;
  call.listen();
  const stream = { sendMedia: nothing, sendMark: nothing, clear: nothing, close: nothing };
  const sink = calls.attach('CA1', stream, call.identity.epoch)!;
  return { call, sink };
}

const away = (): SessionStore => {
  const store = createMemorySessionStore();
  void store.close();
  return store;
};

describe('a stream that ended, and no word from the carrier after it', () => {
  const cases = ['stopped', 'stopped, asked for anew', 'asked for anew, stopped', 'broken'];
  it.each([
    [cases[0], ['ended caller-hung-up']],
    [cases[1], ['ended stream-lost', 'call back']],
    [cases[2], ['ended stream-lost', 'call back']],
    [cases[3], ['ended stream-lost', 'call back']],
  ])('%s', async (how, expected) => {
    const { calls, told } = callsOn(createMemorySessionStore());
    const { call, sink } = talking(calls);
    await breathe();
    if (how === cases[2]) call.resumeAsked();
    if (how === 'broken') sink.onClosed();
    else sink.onStop();
    if (how === cases[1]) call.resumeAsked();
    await vi.advanceTimersByTimeAsync(GRACE_MS - 1_000);
    expect(told).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(told).toEqual(expected);
  });

  it('asked for anew and come back, it may stop in order once more', async () => {
    const { calls, told } = callsOn(createMemorySessionStore());
    const { call, sink } = talking(calls);
    sink.onStop();
    call.resumeAsked();
    talking(calls).sink.onStop();
    await vi.advanceTimersByTimeAsync(GRACE_MS + 1_000);
    expect(told).toEqual(['ended caller-hung-up']);
  });
});

describe('a call whose stream never came here', () => {
  it('is over where the store says that it is ours', async () => {
    const { calls, told } = callsOn(createMemorySessionStore());
    calls.answer('CA1', 'inbound', SOMEBODY);
    await vi.advanceTimersByTimeAsync(REAPED_MS);
    expect(told).toEqual(['ended caller-hung-up']);
    expect(calls.endOf('CA1')).toBe('ended');
  });

  it('is let go of where nobody can tell whether another has it', async () => {
    const { calls, told } = callsOn(away());
    calls.answer('CA1', 'inbound', SOMEBODY);
    await vi.advanceTimersByTimeAsync(REAPED_MS);
    expect(told).toEqual(['handed over']);
    expect(calls.endOf('CA1')).toBe('moved');
  });

  it('is let go of as well where something else was heard of it, or the process stops', async () => {
    const heard = callsOn(away());
    heard.calls.answer('CA1', 'outbound', SOMEBODY)!.answeredBy('human');
    await vi.advanceTimersByTimeAsync(GRACE_MS + 1_000);
    const stopping = callsOn(away());
    stopping.calls.answer('CA1', 'inbound', SOMEBODY);
    await breathe();
    stopping.calls.close('wind-up');
    expect([heard.told, stopping.told]).toEqual([['handed over'], ['handed over']]);
  });

  it('is over all the same when the carrier says so', async () => {
    const { calls, told } = callsOn(away());
    calls.answer('CA1', 'inbound', SOMEBODY);
    await breathe();
    calls.over('CA1');
    expect(told).toEqual(['ended caller-hung-up']);
  });
});

describe('a copy of the request to answer, at another process', () => {
  it('makes no second owner: the first keeps the call, and ends it', async () => {
    const store = createMemorySessionStore();
    const [a, b] = [callsOn(store, 'a'), callsOn(store, 'b')];
    const { sink } = talking(a.calls);
    await breathe();
    b.calls.answer('CA1', 'inbound', SOMEBODY);
    await breathe();
    expect(b.calls.endOf('CA1')).toBe('moved');
    expect(await store.getCall('CA1')).toMatchObject({ owner: 'a', phase: 'live' });
    // Whichever answer the carrier listens to, its stream is let in.
    b.calls.answer('CA1', 'inbound', SOMEBODY);
    await breathe();
    sink.onStop();
    a.calls.over('CA1');
    await breathe();
    expect([a.told, b.told]).toEqual([['ended caller-hung-up'], ['handed over', 'handed over']]);
    expect(await store.getCall('CA1')).toMatchObject({ owner: 'a', phase: 'ended' });
  });
});
