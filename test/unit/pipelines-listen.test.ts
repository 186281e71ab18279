import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { SttEvent, SttOptions, SttSession, SttVendor } from '../../adapters/stt/port.ts';
import { Listening } from '../../pipelines/listen.ts';
import type { Input } from '../../src/conversation/types.ts';
import { VendorError, type Vendor } from '../../src/errors.ts';
import type { CallEvent } from '../../src/events.ts';

const FRAME_MS = 20;
const FRAME_BYTES = 160;
const QUIET = new Uint8Array(FRAME_BYTES).fill(0xff);
const LOUD = new Uint8Array(FRAME_BYTES).fill(0x10);

/** One session of a recogniser on paper: what it was sent, and how it speaks. */
type Session = {
  readonly options: SttOptions;
  closed: boolean;
  bytes: number;
  loudBytes: number;
  /** Of the audio it was sent as part of a pause, when it began and ended. */
  pausesMs: [number, number][];
  tell(event: SttEvent): void;
};

type Recogniser = SttVendor & {
  readonly sessions: Session[];
  refuses: boolean;
  judges: boolean;
  openMs: number;
};

/** Judges what it hears, unless told otherwise, and says nothing by itself. */
function recogniser(vendor: Vendor): Recogniser {
  const sessions: Session[] = [];
  const self: Recogniser = {
    vendor,
    sessions,
    refuses: false,
    judges: true,
    openMs: 50,
    open: async (options) => {
      await new Promise((resolve) => setTimeout(resolve, self.openMs));
      if (self.refuses) throw new VendorError(vendor, 'unreachable');
      const session: Session = {
        options,
        closed: false,
        bytes: 0,
        loudBytes: 0,
        pausesMs: [],
        tell: (event) => {
          if (!session.closed) options.onEvent(event);
        },
      };
      sessions.push(session);
      return portOf(self, session);
    },
  };
  return self;
}

function portOf(recogniser: Recogniser, session: Session): SttSession {
  return {
    vendor: recogniser.vendor,
    get judgedMs() {
      return recogniser.judges ? session.bytes / 8 : 0;
    },
    sendAudio: (mulaw, inPause = false) => {
      const fromMs = session.bytes / 8;
      session.bytes += mulaw.length;
      const last = session.pausesMs.at(-1);
      if (inPause && last?.[1] === fromMs) last[1] = session.bytes / 8;
      else if (inPause) session.pausesMs.push([fromMs, session.bytes / 8]);
      session.loudBytes += mulaw.filter((byte) => byte === LOUD[0]).length;
    },
    configure: () => undefined,
    close: () => {
      session.closed = true;
    },
  };
}

function startEars() {
  const best = recogniser('deepgram-flux');
  const second = recogniser('deepgram-nova');
  const inputs: Input[] = [];
  const events: CallEvent[] = [];
  const ears = new Listening({
    vendors: [best, second],
    language: 'en',
    endOfTurn: { eotThreshold: 0.8, eagerEotThreshold: undefined, eotTimeoutMs: 5_000 },
    keyterms: [],
    now: () => performance.now(),
    onInput: (input) => void inputs.push(input),
    onEvent: (event) => void events.push(event),
  });
  onTestFinished(() => ears.close());
  ears.start();
  const hear = async (frame: Uint8Array, forMs: number): Promise<void> => {
    for (let ms = 0; ms < forMs; ms += FRAME_MS) {
      ears.audio(frame);
      await vi.advanceTimersByTimeAsync(FRAME_MS);
    }
  };
  const moves = (): string[] =>
    events.flatMap((e) => (e.what === 'ladder-moved' ? [`${e.from} → ${e.to}`] : []));
  return { best, second, inputs, moves, hear };
}

const failed = (vendor: Vendor, failure: VendorError['failure']): SttEvent => ({
  kind: 'failed',
  error: new VendorError(vendor, failure),
});

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('climbing back to the best recogniser', () => {
  test('in a quiet moment, a minute after the fall, without a gap in what is heard', async () => {
    const { best, second, moves, hear } = startEars();
    await hear(QUIET, 100);
    best.sessions[0]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 59_000);
    expect(moves()).toEqual(['deepgram-flux → deepgram-nova']);
    expect(best.sessions).toHaveLength(1);
    await hear(QUIET, 2_000);
    expect(moves()).toEqual(['deepgram-flux → deepgram-nova', 'deepgram-nova → deepgram-flux']);
    expect(second.sessions.map(({ closed }) => closed)).toEqual([true]);
    const heard = best.sessions[1]!;
    expect(heard.closed).toBe(false);
    // The three seconds before, in which a turn may have begun, and all that came since.
    expect(heard.bytes).toBeGreaterThanOrEqual(3_000 * 8);
  });

  test('not while somebody speaks, nor in an open turn', async () => {
    const { best, second, moves, hear } = startEars();
    await hear(QUIET, 100);
    best.sessions[0]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 58_000);
    const nova = second.sessions[0]!;
    nova.tell({ kind: 'started', turn: 0, text: 'my', audioMs: 57_000 });
    await hear(QUIET, 10_000);
    expect(best.sessions).toHaveLength(1);
    nova.tell({ kind: 'end', turn: 0, text: 'my roses', audioMs: 67_000, trigger: 'model' });
    await hear(LOUD, 600);
    nova.tell({ kind: 'started', turn: 1, text: 'and', audioMs: 67_500 });
    await hear(LOUD, 600);
    expect(best.sessions).toHaveLength(1);
    nova.tell({ kind: 'end', turn: 1, text: 'and so', audioMs: 69_000, trigger: 'model' });
    await hear(QUIET, 3_000);
    expect(moves().at(-1)).toBe('deepgram-nova → deepgram-flux');
  });

  test('a try that fails is not heard, and the next is later', async () => {
    const { best, second, moves, inputs, hear } = startEars();
    await hear(QUIET, 100);
    best.refuses = true;
    best.sessions[0]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 62_000);
    best.refuses = false;
    await hear(QUIET, 110_000);
    expect(moves()).toEqual(['deepgram-flux → deepgram-nova']);
    await hear(QUIET, 15_000);
    expect(moves().at(-1)).toBe('deepgram-nova → deepgram-flux');
    expect(second.sessions).toHaveLength(1);
    expect(inputs).toEqual([]);
  });
});

describe('a pause in the speech', () => {
  test('is told to the recogniser from three quiet frames on, for a second', async () => {
    const { best, hear } = startEars();
    await hear(QUIET, 1_000);
    await hear(LOUD, 600);
    await hear(QUIET, 40);
    await hear(LOUD, 400);
    await hear(QUIET, 3_000);
    await hear(LOUD, 200);
    await hear(QUIET, 100);
    expect(best.sessions[0]!.pausesMs).toEqual([
      [2_080, 3_040],
      [5_280, 5_340],
    ]);
  });
});

describe('speech without words', () => {
  test('the second time running, the next recogniser is told it from its beginning', async () => {
    const { best, second, inputs, hear } = startEars();
    await hear(QUIET, 3_000);
    const flux = best.sessions[0]!;
    for (const turn of [0, 1]) {
      const endMs = (): number => flux.bytes / 8;
      flux.tell({ kind: 'started', turn, text: '', audioMs: endMs() });
      await hear(LOUD, 2_000);
      await hear(QUIET, 400);
      flux.tell({ kind: 'end', turn, text: '', audioMs: endMs(), trigger: 'model' });
      await hear(QUIET, 3_000);
    }
    expect(inputs.flatMap((i) => (i.kind === 'caller-unheard' ? [i.why] : []))).toEqual([
      'wordless',
      'late',
    ]);
    expect(flux.closed).toBe(true);
    // All of the second speech; the first, which the caller was asked to say again, is over.
    expect(second.sessions[0]!.loudBytes).toBe(2_000 * 8);
  });
});

describe('a recogniser that falls silent', () => {
  test('just before somebody speaks: the next one is told all of it, however long that took', async () => {
    const { best, second, inputs, hear } = startEars();
    await hear(QUIET, 5_000);
    best.judges = false;
    Object.assign(best, { refuses: true, openMs: 1_500 });
    Object.assign(second, { refuses: true, openMs: 1_500 });
    await hear(LOUD, 3_000);
    await hear(QUIET, 4_000);
    expect(inputs.map(({ kind }) => kind)).toContain('listening');
    // On the keypad they were told that nobody hears them, and say it again.
    Object.assign(best, { refuses: false, openMs: 50 });
    await hear(LOUD, 4_900);
    expect(best.sessions).toHaveLength(2);
    expect(best.sessions[1]!.loudBytes).toBeGreaterThanOrEqual(4_900 * 8);
  });

  test('and the one behind it hears the sentence from its first sound', async () => {
    const { best, second, hear } = startEars();
    await hear(QUIET, 5_000);
    best.judges = false;
    Object.assign(best, { refuses: true, openMs: 1_500 });
    await hear(LOUD, 5_000);
    expect(second.sessions).toHaveLength(1);
    expect(second.sessions[0]!.loudBytes).toBe(5_000 * 8);
  });

  test('a room that is loud for ever keeps no more than is needed', async () => {
    const { best, second, hear } = startEars();
    best.judges = false;
    await hear(LOUD, 40_000);
    best.sessions.at(-1)!.tell(failed('deepgram-flux', 'auth'));
    await hear(LOUD, 1_000);
    expect(second.sessions.at(-1)!.bytes).toBeLessThanOrEqual(13_100 * 8);
  });
});

describe('the keypad', () => {
  test('is left for a recogniser that has judged something, not for an open connection', async () => {
    const { best, second, inputs, moves, hear } = startEars();
    const states = (): string[] =>
      inputs.flatMap((input) => (input.kind === 'listening' ? [input.state] : []));
    second.refuses = true;
    best.judges = false;
    await hear(QUIET, 100);
    best.sessions[0]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 1_000);
    expect(states()).toEqual(['keypad']);
    for (let tries = 0; tries < 40; tries += 1) {
      await hear(QUIET, 500);
      best.sessions.at(-1)!.tell(failed('deepgram-flux', 'garbage'));
    }
    expect(best.sessions.length).toBeGreaterThan(6);
    expect(states()).toEqual(['keypad']);
    const fall = ['deepgram-flux → deepgram-nova', 'deepgram-nova → keypad'];
    expect(moves()).toEqual(fall);
    best.judges = true;
    await hear(QUIET, 7_000);
    expect(states()).toEqual(['keypad', 'voice']);
    expect(moves()).toEqual([...fall, 'keypad → deepgram-flux']);
  });

  test('a sentence that ends as a recogniser is tried again is told to it, and is not forgotten', async () => {
    const { best, second, inputs, hear } = startEars();
    const unheard = (): number => inputs.filter(({ kind }) => kind === 'caller-unheard').length;
    second.refuses = true;
    best.judges = false;
    await hear(QUIET, 100);
    best.sessions[0]!.tell(failed('deepgram-flux', 'auth'));
    // The next try comes five seconds later, in the middle of the pause behind the sentence.
    await hear(QUIET, 2_200);
    await hear(LOUD, 2_200);
    await hear(QUIET, 1_000);
    expect(best.sessions).toHaveLength(2);
    expect(best.sessions[1]!.loudBytes).toBe(2_200 * 8);
    expect(unheard()).toBe(0);
    await hear(QUIET, 600);
    expect(unheard()).toBe(1);
    // Answered on the keypad, a danger in it may still be noticed.
    best.sessions[1]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 5_500);
    expect(best.sessions).toHaveLength(3);
    expect(best.sessions[2]!.loudBytes).toBe(2_200 * 8);
    // Too old for that it is not told again, nor where it was judged.
    best.sessions[2]!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 10_500);
    best.sessions.at(-1)!.tell(failed('deepgram-flux', 'auth'));
    await hear(QUIET, 5_500);
    expect(best.sessions.at(-1)!.loudBytes).toBe(0);
    expect(unheard()).toBe(1);
  });
});
