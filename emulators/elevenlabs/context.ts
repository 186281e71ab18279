import { BYTES_PER_MS } from '../speech/types.ts';
import type { EmulatorLog } from '../log.ts';
import { generateAudio, prepareUnits } from './generation.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import { TextBuffer } from './text-buffer.ts';
import type { ElevenLabsEvent, ElevenLabsScript, Surface } from './types.ts';

/** What all contexts of one connection share. */
export type ContextWorld = {
  readonly surface: Surface;
  readonly connection: number;
  readonly autoMode: boolean;
  readonly languageCode: string | undefined;
  readonly slowness: number;
  readonly script: ElevenLabsScript;
  readonly log: EmulatorLog<ElevenLabsEvent>;
  readonly outbox: Outbox;
  /** Aborts when the socket is gone. */
  readonly gone: AbortSignal;
  nextGeneration(): number;
  /** Synthesis broke: the socket cannot go on. */
  broken(error: unknown): void;
};

export type SpeechContext = {
  readonly id: string | undefined;
  readonly buffer: TextBuffer;
  closing(): boolean;
  setSpeed(speed: number): void;
  /** Queues a generation behind those of this context. */
  speak(text: string, receivedAtMs: number): void;
  /** No more text: resolves once the audio that may still come has left. */
  finish(): Promise<void>;
};

/** Generations of one context that may wait behind each other. */
const MAX_QUEUED = 200;

/** One stream of speech: its text buffer and its generations, one after the other. */
export function createContext(id: string | undefined, world: ContextWorld): SpeechContext {
  const { log, connection, script, gone } = world;
  const buffer = new TextBuffer(world.autoMode);
  let closing = false;
  let speed = 1;
  let freeAtMs = 0;
  let queued = 0;
  let tail: Promise<void> = Promise.resolve();

  async function run(text: string, receivedAtMs: number, units: ReturnType<typeof prepareUnits>) {
    if (closing && script.afterClose === 'discard') return;
    const generation = world.nextGeneration();
    const request = {
      text,
      receivedAtMs,
      languageCode: world.languageCode,
      settings: { speed },
      notBeforeMs: freeAtMs,
      slowness: world.slowness,
    };
    const audio = generateAudio(request, units, script, gone, (timing) => {
      const { firstAudioAtMs } = timing;
      const where = { surface: world.surface, connection, contextId: id, generation };
      log.add({ what: 'generation', ...where, text, receivedAtMs, ...timing }, firstAudioAtMs);
    });
    let audioMs = 0;
    for (;;) {
      const next = await audio.next();
      if (next.done) {
        freeAtMs = next.value;
        break;
      }
      if (closing && script.afterClose === 'discard') break;
      const { mulaw, alignment, utterance } = next.value;
      const message: Outgoing = {
        audio: Buffer.from(mulaw.buffer, mulaw.byteOffset, mulaw.length).toString('base64'),
        alignment,
        normalizedAlignment: alignment,
      };
      if (world.surface === 'single') message['isFinal'] = null;
      else if (id !== undefined) message['contextId'] = id;
      const pieceMs = mulaw.length / BYTES_PER_MS;
      audioMs += pieceMs;
      log.add({
        what: 'audio',
        connection,
        contextId: id,
        generation,
        utterance,
        audioMs: pieceMs,
        late: closing,
      });
      if (!(await world.outbox.send(message, 'audio'))) return;
    }
    log.add({ what: 'generated', connection, contextId: id, generation, audioMs });
  }

  return {
    id,
    buffer,
    closing: () => closing,
    setSpeed: (next) => {
      speed = next;
    },
    speak: (text, receivedAtMs) => {
      if (closing) return;
      if (queued >= MAX_QUEUED) return world.broken(new Error('too many generations are queued'));
      queued += 1;
      const units = prepareUnits(text, world.languageCode, { speed }, script.sound);
      tail = tail
        .then(async () => await run(text, receivedAtMs, units))
        .catch((error: unknown) => world.broken(error))
        .finally(() => {
          queued -= 1;
        });
    },
    finish: async () => {
      closing = true;
      await tail;
    },
  };
}
