/**
 * Real speech for the emulators: espeak-ng, as the program where it is on the PATH, else as the
 * npm package of the same name (a development dependency; GPL-3, so it is only ever run apart from
 * the server). What has been said once is kept in memory and in `.cache/speech/`.
 */
import { Worker } from 'node:worker_threads';
import { findEngine } from './engine.ts';
import { embedWords, fitWords, nextUtteranceId } from './inband-encode.ts';
import { SoundCache } from './sound-cache.ts';
import { MAX_SYNTH_MS, type Engine, type Sound, type SynthReply } from './synth-types.ts';
import { BYTES_PER_MS, type Speech, type Voice } from './types.ts';

export { CALLER_EN, CALLER_ES, COMPANION_EN, COMPANION_ES } from './voices.ts';

const MAX_TEXT_CHARS = 5_000;
const MAX_SYNTHS_AT_ONCE = 2;
/** Synths that may wait for a worker before more are refused. */
const MAX_WAITING = 500;
/** A worker that has been idle this long is let go, with its memory. */
const WORKER_IDLE_MS = 3_000;

let engine: Engine | undefined;

const idleWorkers: { worker: Worker; timer: NodeJS.Timeout }[] = [];
const waiting: (() => void)[] = [];
let busy = 0;

function takeWorker(): Worker {
  for (let idle = idleWorkers.pop(); idle; idle = idleWorkers.pop()) {
    clearTimeout(idle.timer);
    // A thread that has ended has no id any more.
    if (idle.worker.threadId < 0) continue;
    idle.worker.ref();
    return idle.worker;
  }
  const worker = new Worker(new URL('./synth-worker.ts', import.meta.url), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  // One that dies while idle is noticed above; nobody else is listening then.
  worker.on('error', () => undefined);
  return worker;
}

function putBack(worker: Worker): void {
  worker.unref();
  const timer = setTimeout(() => {
    const index = idleWorkers.findIndex((idle) => idle.worker === worker);
    if (index >= 0) idleWorkers.splice(index, 1);
    void worker.terminate();
  }, WORKER_IDLE_MS);
  timer.unref();
  idleWorkers.push({ worker, timer });
}

async function askWorker(text: string, voice: Voice): Promise<Sound> {
  engine ??= findEngine(process.env['PATH'] ?? '', (name) => import.meta.resolve(name));
  const request = { text, voice, engine };
  const worker = takeWorker();
  const reply = await new Promise<SynthReply>((resolve) => {
    const settle = (answer: SynthReply, reusable: boolean): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      if (reusable) putBack(worker);
      else void worker.terminate();
      resolve(answer);
    };
    const onMessage = (answer: SynthReply): void => settle(answer, true);
    const onError = (error: unknown): void => settle({ ok: false, message: String(error) }, false);
    const onExit = (): void => settle({ ok: false, message: 'synthesis worker exited' }, false);
    const timer = setTimeout(() => {
      settle({ ok: false, message: `no sound within ${MAX_SYNTH_MS} ms` }, false);
    }, MAX_SYNTH_MS);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(request);
  });
  if (!reply.ok) throw new Error(`speech synthesis failed: ${reply.message}`);
  const soundMs = reply.mulaw.length / BYTES_PER_MS;
  const words = fitWords(
    reply.words.map((word) => ({ ...word, finality: 'holding' as const })),
    soundMs,
  );
  return {
    mulaw: embedWords(reply.mulaw, words, 0),
    words: words.map(({ text: written, startMs, endMs }) => ({ text: written, startMs, endMs })),
  };
}

/** How long the slowest synthesis took, the wait for a worker included, while it was watched. */
export type SynthesisWatch = { slowestMs: number; end(): void };

const watches = new Set<SynthesisWatch>();

/** For those who must know whether a vendor's voice was late because this machine was. */
export function watchSynthesis(): SynthesisWatch {
  const watch: SynthesisWatch = { slowestMs: 0, end: () => void watches.delete(watch) };
  watches.add(watch);
  return watch;
}

async function synthInTurn(text: string, voice: Voice): Promise<Sound> {
  const askedAt = performance.now();
  if (busy >= MAX_SYNTHS_AT_ONCE) {
    if (waiting.length >= MAX_WAITING) throw new Error('too many speech syntheses are waiting');
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  busy += 1;
  try {
    return await askWorker(text, voice);
  } finally {
    busy -= 1;
    waiting.shift()?.();
    const tookMs = performance.now() - askedAt;
    for (const watch of watches) watch.slowestMs = Math.max(watch.slowestMs, tookMs);
  }
}

const cache = new SoundCache(synthInTurn);

/**
 * The sound of a text without an utterance of its own: shared, cached, not to be written to. For
 * those who assemble utterances; everybody else wants `synthesise`.
 */
export async function synthesiseSound(text: string, voice: Voice): Promise<Sound> {
  if (text.length > MAX_TEXT_CHARS) {
    throw new RangeError(`text of ${text.length} characters exceeds ${MAX_TEXT_CHARS}`);
  }
  return await cache.get(text.trim(), voice);
}

/**
 * Speaks a text: μ-law that begins with its first sound and ends, to the 20 ms, with its last (no
 * silence around it), with the words embedded in-band under a fresh utterance id. The last word is
 * `complete`, the others `holding`. A text with nothing to say gives no bytes and no words.
 *
 * Takes about 0.3 s the first time and next to nothing after that; never blocks the event loop.
 *
 * @throws Error naming what to install when there is no synthesiser; RangeError for a text of more
 *   than 5,000 characters.
 */
export async function synthesise(text: string, voice: Voice): Promise<Speech> {
  const sound = await synthesiseSound(text, voice);
  const words = sound.words.map((word, i) => ({
    ...word,
    finality: i === sound.words.length - 1 ? ('complete' as const) : ('holding' as const),
  }));
  return { mulaw: embedWords(sound.mulaw, words, nextUtteranceId()), words: sound.words };
}
