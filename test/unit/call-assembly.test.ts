import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { assembleCall } from '../../pipelines/call-assembly.ts';
import type { CallServices } from '../../pipelines/call-types.ts';
import { SpeechCache } from '../../pipelines/speech-cache.ts';
import { EventHub } from '../../src/events.ts';
import { stranger } from '../../src/companion/person.ts';
import { NO_RECORDS } from '../../pipelines/records.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('a stream that broke is asked for again, unless another process has the call by now', async () => {
  const redirected: string[] = [];
  const asked: [string, number][] = [];
  let isStale = true;
  const services: CallServices = {
    stt: [],
    llm: [],
    tts: [],
    telephony: {
      placeCall: async () => 'CA2',
      hangUp: async () => undefined,
      cancel: async () => undefined,
      redirect: async (callSid) => void redirected.push(callSid),
      sendSms: async () => undefined,
    },
    speechCache: new SpeechCache([]),
    events: new EventHub(() => undefined),
    records: NO_RECORDS,
    keep: () => {
      throw new Error('not kept here');
    },
    isStale: async (callSid, epoch) => {
      asked.push([callSid, epoch]);
      return isStale;
    },
    voiceId: 'voice',
    wallClock: () => new Date(),
    resumeUrl: () => 'https://example.test/voice/resume',
    sayUrl: () => 'https://example.test/voice/say',
    onDefect: () => undefined,
  };
  const person = stranger('+15555550142');
  const { recovery } = assembleCall(
    { callSid: 'CA1', direction: 'inbound', person, greeting: [], epoch: 3 },
    services,
    {
      manner: { voiceId: 'voice', language: 'en', speed: 1 },
      onInput: () => undefined,
      onEvent: () => undefined,
      now: () => performance.now(),
    },
  );
  recovery.begin();
  await vi.advanceTimersByTimeAsync(1_500);
  expect(asked).toEqual([['CA1', 3]]);
  expect(redirected).toEqual([]);
  isStale = false;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(redirected).toEqual(['CA1']);
  recovery.end();
});
