import { expect, test } from 'vitest';
import { Breaker } from '../../adapters/breaker.ts';
import { guardStt } from '../../adapters/guarded.ts';
import type { SttEvent, SttSession, SttVendor } from '../../adapters/stt/port.ts';
import { VendorError } from '../../src/errors.ts';

const FRAME = new Uint8Array(160).fill(0xff);

/** A recogniser on paper that always opens, and judges as much as it is set to. */
function startGuarded() {
  let nowMs = 1_000;
  const breaker = new Breaker('deepgram-flux', { nowMs: () => nowMs });
  const vendor = { judgedMs: 0, opened: 0 };
  let tell: (event: SttEvent) => void = () => undefined;
  const paper: SttVendor = {
    vendor: 'deepgram-flux',
    open: async (options) => {
      vendor.opened += 1;
      tell = options.onEvent;
      return {
        vendor: 'deepgram-flux',
        get judgedMs() {
          return vendor.judgedMs;
        },
        sendAudio: () => undefined,
        configure: () => undefined,
        close: () => undefined,
      };
    },
  };
  const guarded = guardStt(paper, breaker);
  const open = async (): Promise<SttSession> =>
    guarded.open({
      language: 'en-US',
      endOfTurn: { eotThreshold: 0.8, eagerEotThreshold: undefined, eotTimeoutMs: 5_000 },
      keyterms: [],
      openTimeoutMs: 1_000,
      onEvent: () => undefined,
    });
  return {
    breaker,
    vendor,
    open,
    tell: (event: SttEvent) => tell(event),
    trip: () => {
      breaker.enter().failed(new VendorError('deepgram-flux', 'auth'));
      nowMs += 60_000;
    },
    advance: (ms: number) => (nowMs += ms),
  };
}

test('a probe that opens and judges nothing has failed when its listener gives it up', async () => {
  const { breaker, open, trip, advance } = startGuarded();
  trip();
  const probe = await open();
  for (let frames = 0; frames < 100; frames += 1) probe.sendAudio(FRAME);
  expect(breaker.status().state).toBe('half-open');
  await expect(open()).rejects.toMatchObject({ failure: 'breaker-open' });
  probe.close('stalled');
  expect(breaker.status()).toMatchObject({ state: 'open', reason: 'stalled', retryInMs: 10_000 });
  advance(10_000);
  (await open()).close('stalled');
  expect(breaker.status()).toMatchObject({ state: 'open', retryInMs: 20_000 });
});

test('the first audio that is judged, or a first event, closes the breaker', async () => {
  const byJudgement = startGuarded();
  byJudgement.trip();
  const session = await byJudgement.open();
  session.sendAudio(FRAME);
  expect(byJudgement.breaker.status().state).toBe('half-open');
  byJudgement.vendor.judgedMs = 80;
  session.sendAudio(FRAME);
  expect(byJudgement.breaker.status().state).toBe('closed');

  const byEvent = startGuarded();
  byEvent.trip();
  await byEvent.open();
  byEvent.tell({ kind: 'started', turn: 0, text: '', audioMs: 0 });
  expect(byEvent.breaker.status().state).toBe('closed');
});

test('a probe whose call ends before any judgement leaves the next call its place', async () => {
  const { breaker, vendor, open, trip } = startGuarded();
  trip();
  (await open()).close();
  expect(breaker.status()).toMatchObject({ state: 'half-open', failures: 0 });
  await open();
  expect(vendor.opened).toBe(2);
});

test('one caller whose noise nobody understands does not count against the recogniser', async () => {
  const { breaker, vendor, open } = startGuarded();
  vendor.judgedMs = 2_000;
  for (let tries = 0; tries < 10; tries += 1) (await open()).close('stalled');
  expect(breaker.status()).toMatchObject({ state: 'closed', successes: 10, failures: 0 });
});

test('a session that breaks after it was proved good is a success and a failure', async () => {
  const { breaker, vendor, open, tell } = startGuarded();
  vendor.judgedMs = 80;
  (await open()).sendAudio(FRAME);
  tell({ kind: 'failed', error: new VendorError('deepgram-flux', 'stalled') });
  expect(breaker.status()).toMatchObject({ successes: 1, failures: 1 });
});
