/** What every voice owes its port; vendors' over a real socket to an emulator. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { TtsEvent, TtsOptions, TtsSession, TtsVendor } from '../../adapters/tts/port.ts';
import type { Fault, FaultScript } from '../../emulators/faults.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import type { VendorFailure } from '../../src/errors.ts';

/** What a voice is heard with. */
export type VoiceContract = {
  readonly vendor: TtsVendor;
  /** Two that it can say. */
  readonly sentences?: readonly [string, string];
};

export type TtsContract = VoiceContract & {
  /** What the emulators of all voices have in common. */
  readonly emulator: {
    readonly faults: FaultScript;
    readonly log: {
      readonly entries: readonly { readonly what: string; readonly open?: number }[];
    };
  };
  /** Where the faults apply. */
  readonly surface: string;
};

export const SENTENCES = ['Hello there, my dear. ', 'How are you feeling today? '] as const;
export const SPEED = 0.9;
const OPEN_TIMEOUT_MS = 400;
const FIRST_BYTE_TIMEOUT_MS = 400;
const STALL_TIMEOUT_MS = 300;

export type Voice = {
  readonly session: TtsSession;
  readonly events: TtsEvent[];
  /** Every byte of one utterance, in order. */
  sound(utterance: number): Buffer;
  /** Waits for the last word on an utterance, or on the session. */
  over(utterance: number, withinMs?: number): Promise<TtsEvent | undefined>;
};

/** Nothing more comes of the utterance, or of the session. */
function isEnd(event: TtsEvent): event is Exclude<TtsEvent, { kind: 'audio' | 'said' }> {
  return event.kind !== 'audio' && event.kind !== 'said';
}

export async function openVoice(
  vendor: TtsVendor,
  options: Partial<TtsOptions> = {},
): Promise<Voice> {
  const events: TtsEvent[] = [];
  const session = await vendor.open({
    voiceId: 'voice-1',
    language: 'en-US',
    speed: SPEED,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    firstByteTimeoutMs: FIRST_BYTE_TIMEOUT_MS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => session.close());
  const ending = (utterance: number): TtsEvent | undefined =>
    events.find((e) => e.kind === 'failed' || (isEnd(e) && e.utterance === utterance));
  return {
    session,
    events,
    sound: (utterance) =>
      Buffer.concat(
        events.flatMap((e) =>
          e.kind === 'audio' && e.utterance === utterance ? [Buffer.from(e.base64, 'base64')] : [],
        ),
      ),
    over: async (utterance, withinMs = 3_000) => {
      const deadlineMs = performance.now() + withinMs;
      while (ending(utterance) === undefined && performance.now() < deadlineMs) await sleep(5);
      return ending(utterance);
    },
  };
}

/** The words in the sound itself. */
export function wordsIn(sound: Uint8Array): string {
  const decoder = new InbandDecoder();
  const heard = [...decoder.push(sound), ...decoder.flush()];
  expect(heard.filter((word) => word.damaged)).toEqual([]);
  return heard.map((word) => word.text).join(' ');
}

/** `failures`: what opening, an utterance or the session may fail with; none: it must succeed. */
const FAULTS: readonly [Fault, readonly VendorFailure[]][] = [
  [{ kind: 'status', status: 401 }, ['auth']],
  [{ kind: 'status', status: 403 }, ['auth']],
  [{ kind: 'status', status: 400 }, ['bad-request']],
  [{ kind: 'status', status: 429, retryAfterSeconds: 7 }, ['rate-limited']],
  [{ kind: 'status', status: 503 }, ['overloaded']],
  [{ kind: 'refuse' }, ['unreachable']],
  [{ kind: 'hang' }, ['no-first-byte']],
  [{ kind: 'stop-reading' }, ['no-first-byte', 'stalled']],
  [{ kind: 'slow', factor: 40 }, ['no-first-byte']],
  [{ kind: 'trickle', bytesPerSecond: 500 }, ['no-first-byte', 'stalled']],
  [{ kind: 'garbage' }, ['garbage']],
  [{ kind: 'wrong-shape' }, ['garbage']],
  [{ kind: 'oversize', bytes: 4_000_000 }, ['garbage']],
  [{ kind: 'empty' }, ['empty']],
  [{ kind: 'cut', afterMessages: 3 }, ['cut']],
  [{ kind: 'stall', afterMessages: 0 }, ['no-first-byte']],
  [{ kind: 'stall', afterMessages: 3 }, ['stalled']],
  [{ kind: 'stream-error', afterMessages: 3 }, ['auth', 'cut']],
];

/** What every voice owes, also one that is on our own disk. */
export function voiceContract(start: () => VoiceContract): void {
  test('speaks every text once, in order, and then is done', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    for (const text of sentences) voice.session.say(7, text);
    voice.session.finish(7);
    expect(await voice.over(7)).toEqual({ kind: 'done', utterance: 7 });
    expect(wordsIn(voice.sound(7))).toBe(sentences.join('').trim());
    for (const event of voice.events) {
      if (event.kind !== 'audio') continue;
      expect(event.bytes).toBe(Buffer.from(event.base64, 'base64').length);
    }
  });

  test('tells when each text was spoken, unless it tells when each word is', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    for (const text of sentences) voice.session.say(1, text);
    voice.session.finish(1);
    await voice.over(1);
    const isTimed = voice.events.some((e) => e.kind === 'audio' && e.words !== undefined);
    const stages = voice.events
      .map(({ kind }) => kind)
      .filter((kind, n, all) => kind !== all[n - 1]);
    expect(stages).toEqual(
      isTimed ? ['audio', 'done'] : [...sentences.flatMap(() => ['audio', 'said']), 'done'],
    );
  });

  test('starts to speak before the text is finished', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    voice.session.say(1, sentences[0]);
    const deadlineMs = performance.now() + 1_000;
    while (voice.events.length === 0 && performance.now() < deadlineMs) await sleep(5);
    expect(voice.events[0]?.kind).toBe('audio');
    // A pause of the model is no fault of the voice.
    await sleep(FIRST_BYTE_TIMEOUT_MS + STALL_TIMEOUT_MS + 200);
    voice.session.say(1, sentences[1]);
    voice.session.finish(1);
    expect(await voice.over(1)).toEqual({ kind: 'done', utterance: 1 });
    expect(wordsIn(voice.sound(1))).toBe(sentences.join('').trim());
  });

  test('an utterance with nothing to say is done', async () => {
    const { vendor } = start();
    const voice = await openVoice(vendor);
    voice.session.say(1, ' ');
    voice.session.finish(1);
    expect(voice.events).toEqual([]);
    expect(await voice.over(1)).toEqual({ kind: 'done', utterance: 1 });
  });

  test('two utterances at once do not mix', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    voice.session.say(1, sentences[0]);
    voice.session.say(2, sentences[1]);
    voice.session.finish(1);
    voice.session.finish(2);
    expect((await voice.over(1))?.kind).toBe('done');
    expect((await voice.over(2))?.kind).toBe('done');
    expect(wordsIn(voice.sound(1))).toBe(sentences[0].trim());
    expect(wordsIn(voice.sound(2))).toBe(sentences[1].trim());
  });

  test('a cancelled utterance is never heard of again', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    voice.session.say(1, sentences.join(''));
    const deadlineMs = performance.now() + 1_000;
    while (voice.events.length === 0 && performance.now() < deadlineMs) await sleep(2);
    voice.session.cancel(1);
    const before = voice.events.length;
    voice.session.say(1, sentences[1]);
    voice.session.finish(1);
    voice.session.cancel(1);
    voice.session.cancel(99);
    await sleep(300);
    expect(voice.events).toHaveLength(before);
    voice.session.say(2, sentences[1]);
    voice.session.finish(2);
    expect((await voice.over(2))?.kind).toBe('done');
  });

  test('reports nothing after close', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor);
    voice.session.say(1, sentences.join(''));
    await sleep(80);
    voice.session.close();
    voice.session.close();
    const before = voice.events.length;
    voice.session.say(2, sentences[0]);
    voice.session.finish(1);
    await sleep(200);
    expect(voice.events).toHaveLength(before);
  });

  test('case 55: many quick interruptions lose no utterance', async () => {
    const { vendor, sentences = SENTENCES } = start();
    const voice = await openVoice(vendor, { firstByteTimeoutMs: 2_000 });
    for (let id = 1; id <= 12; id += 1) {
      voice.session.say(id, sentences.join(''));
      await sleep(id % 3 === 0 ? 70 : 5);
      voice.session.cancel(id);
    }
    voice.session.say(13, sentences[1]);
    voice.session.finish(13);
    expect((await voice.over(13))?.kind).toBe('done');
    expect(wordsIn(voice.sound(13))).toBe(sentences[1].trim());
  });
}

/** And what a vendor's owes besides, over a network. */
export function ttsContract(start: () => TtsContract): void {
  voiceContract(start);

  const withFault = (fault: Fault): TtsContract => {
    const world = start();
    onTestFinished(world.emulator.faults.add({ fault, surface: world.surface }));
    return world;
  };

  test('case 55: interruptions leave no more at the vendor than it allows', async () => {
    const { vendor, emulator } = start();
    const voice = await openVoice(vendor, { firstByteTimeoutMs: 2_000 });
    const from = emulator.log.entries.length;
    for (let id = 1; id <= 12; id += 1) {
      voice.session.say(id, SENTENCES.join(''));
      await sleep(id % 3 === 0 ? 70 : 5);
      voice.session.cancel(id);
    }
    voice.session.say(13, SENTENCES[1]);
    voice.session.finish(13);
    expect((await voice.over(13))?.kind).toBe('done');
    const opened = emulator.log.entries
      .slice(from)
      .flatMap((e) => (e.what === 'context-opened' ? [e.open ?? 0] : []));
    expect(Math.max(0, ...opened)).toBeLessThanOrEqual(4);
    expect(emulator.log.entries.slice(from).some((e) => e.what === 'error-sent')).toBe(false);
  });

  test.for(FAULTS)('case 54: fails once and in time on %o', async ([fault, failures]) => {
    const { vendor } = withFault(fault);
    const startedAtMs = performance.now();
    const opened: unknown = await openVoice(vendor).catch((error: unknown) => error);
    let failure: VendorFailure | undefined;
    if (opened instanceof Error) {
      failure = (opened as Error & { failure: VendorFailure }).failure;
    } else {
      const voice = opened as Voice;
      for (const text of SENTENCES) voice.session.say(1, text);
      voice.session.finish(1);
      const end = await voice.over(1);
      failure =
        end?.kind === 'failed' || end?.kind === 'utterance-failed' ? end.error.failure : undefined;
      await sleep(150);
      expect(voice.events.filter(isEnd)).toHaveLength(1);
      expect(voice.events.at(-1)).toBe(end);
    }
    expect(failures).toContain(failure);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  });

  test('fails as unreachable where nobody listens', async () => {
    const { vendor } = withFault({ kind: 'refuse' });
    const opened: unknown = await openVoice(vendor).catch((error: unknown) => error);
    if (opened instanceof Error) return expect(opened).toMatchObject({ failure: 'unreachable' });
    (opened as Voice).session.say(1, SENTENCES[0]);
    expect(await (opened as Voice).over(1)).toMatchObject({ error: { failure: 'unreachable' } });
  });
}
