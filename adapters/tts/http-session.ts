import { VendorError } from '../../src/errors.ts';
import type { Vendor, VendorFailure } from '../../src/errors.ts';
import { safeCause } from '../vendor-failure.ts';
import { Watchdog } from '../watchdog.ts';
import { maxAudioBytes } from './elevenlabs-utterance.ts';
import { Pace } from './pace.ts';
import type { TtsOptions, TtsSession } from './port.ts';

/** What is special about a vendor that speaks by HTTP. */
export type HttpVoice = {
  readonly vendor: Vendor;
  /**
   * Asks for the sound of one text: μ-law 8 kHz without a container. Rejects as the SDK does.
   *
   * @param before what the same utterance said already, at most 500 characters
   */
  synthesise(
    text: string,
    before: string,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array>>;
  /** What an error of `synthesise` means. */
  errorOf(error: unknown): VendorError;
};

/** Texts that may wait within one utterance. */
const MAX_WAITING = 64;
/** Ids of ended utterances that are remembered, so that a late `say` stays mute. */
const MAX_ENDED = 256;

type HttpUtterance = {
  readonly id: number;
  readonly waiting: string[];
  readonly abort: AbortController;
  before: string;
  finished: boolean;
  running: boolean;
};

/** A session of a vendor that answers each text with one stream of audio. */
export function createHttpSession(voice: HttpVoice, options: TtsOptions): TtsSession {
  const utterances = new Map<number, HttpUtterance>();
  const ended = new Set<number>();
  let closed = false;

  const end = (id: number): void => {
    utterances.delete(id);
    ended.add(id);
    const [oldest] = ended;
    if (ended.size > MAX_ENDED && oldest !== undefined) ended.delete(oldest);
  };
  const isCurrent = (utterance: HttpUtterance): boolean =>
    !closed && utterances.get(utterance.id) === utterance;
  const fail = (utterance: HttpUtterance, error: VendorError): void => {
    if (!isCurrent(utterance)) return;
    end(utterance.id);
    utterance.abort.abort();
    options.onEvent({ kind: 'utterance-failed', utterance: utterance.id, error });
  };
  const begin = (id: number): HttpUtterance => {
    const abort = new AbortController();
    const utterance = { id, waiting: [], abort, before: '', finished: false, running: false };
    utterances.set(id, utterance);
    return utterance;
  };
  /** Speaks what waits, one text after the other. Never rejects. */
  const run = async (utterance: HttpUtterance): Promise<void> => {
    if (utterance.running) return;
    utterance.running = true;
    try {
      for (let text = utterance.waiting.shift(); text !== undefined;) {
        await speak(voice, utterance, text, options, () => isCurrent(utterance));
        if (!isCurrent(utterance)) return;
        options.onEvent({ kind: 'said', utterance: utterance.id });
        if (!isCurrent(utterance)) return;
        utterance.before = `${utterance.before}${text}`.slice(-500);
        text = utterance.waiting.shift();
      }
      if (utterance.finished) {
        end(utterance.id);
        options.onEvent({ kind: 'done', utterance: utterance.id });
      }
    } catch (error) {
      fail(utterance, error instanceof VendorError ? error : voice.errorOf(error));
    } finally {
      utterance.running = false;
    }
  };

  return {
    vendor: voice.vendor,
    say: (id, text) => {
      if (closed || ended.has(id) || text.trim() === '') return;
      const utterance = utterances.get(id) ?? begin(id);
      if (utterance.finished) return;
      utterance.waiting.push(text);
      if (utterance.waiting.length > MAX_WAITING) fail(utterance, failed(voice, 'bad-request'));
      else void run(utterance);
    },
    finish: (id) => {
      if (closed || ended.has(id)) return;
      const utterance = utterances.get(id) ?? begin(id);
      if (utterance.finished) return;
      utterance.finished = true;
      // Not from within the caller's own call: events come later, as from every vendor.
      queueMicrotask(() => {
        if (isCurrent(utterance)) void run(utterance);
      });
    },
    cancel: (id) => {
      if (closed) return;
      utterances.get(id)?.abort.abort();
      end(id);
    },
    close: () => {
      closed = true;
      for (const utterance of utterances.values()) utterance.abort.abort();
      utterances.clear();
    },
  };
}

/** Speaks one text; rejects with what went wrong. Reports nothing once not current any more. */
async function speak(
  voice: HttpVoice,
  utterance: HttpUtterance,
  text: string,
  options: TtsOptions,
  isCurrent: () => boolean,
): Promise<void> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const pace = new Pace();
  let bytes = 0;
  let late = false;
  let answered = false;
  const watchdog = new Watchdog(() => {
    late = true;
    controller.abort();
  });
  utterance.abort.signal.addEventListener('abort', cancel, { once: true });
  try {
    watchdog.arm(options.firstByteTimeoutMs);
    const stream = await voice.synthesise(text, utterance.before, controller.signal);
    answered = true;
    for await (const part of stream) {
      if (!isCurrent()) return;
      if (part.length === 0) continue;
      if (bytes === 0 && looksLikeText(part)) throw failed(voice, 'garbage');
      bytes += part.length;
      if (bytes > maxAudioBytes(text.length)) throw failed(voice, 'garbage');
      if (pace.behindMs(part.length) > options.stallTimeoutMs) throw failed(voice, 'stalled');
      watchdog.arm(options.stallTimeoutMs);
      options.onEvent({
        kind: 'audio',
        utterance: utterance.id,
        base64: Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64'),
        bytes: part.length,
        words: undefined,
      });
    }
    // An aborted stream may end without an error.
    if (late) throw failed(voice, 'stalled');
    if (bytes === 0) throw failed(voice, 'empty');
  } catch (error) {
    if (late) throw failed(voice, bytes === 0 ? 'no-first-byte' : 'stalled', error);
    if (error instanceof VendorError || !answered) throw error;
    throw failed(voice, error instanceof RangeError ? 'garbage' : 'cut', error);
  } finally {
    watchdog.disarm();
    utterance.abort.signal.removeEventListener('abort', cancel);
    controller.abort();
  }
}

/** An error page under a good status: the vendor's audio has no header to be checked. */
function looksLikeText(part: Uint8Array): boolean {
  return /^\s*(?:<!doctype|<html|\{"|\[\{)/i.test(
    Buffer.from(part.subarray(0, 32)).toString('latin1'),
  );
}

function failed(voice: HttpVoice, failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError(voice.vendor, failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}
