import { monotonicMs } from '../clock.ts';
import { waitUntil } from '../pace.ts';
import { BYTES_PER_MS } from '../speech/types.ts';
import { renderUnit, sliceAlignment, splitClauses, voiceFor, type Unit } from './render.ts';
import type { Alignment, ElevenLabsScript, VoiceSettings } from './types.ts';

export type GenerationRequest = {
  readonly text: string;
  readonly receivedAtMs: number;
  readonly languageCode: string | undefined;
  readonly settings: VoiceSettings;
  /** No audio before this moment: earlier generations of the context are still leaving. */
  readonly notBeforeMs: number;
  /** Multiplies the script's delays. */
  readonly slowness: number;
};

export type AudioPiece = {
  readonly mulaw: Uint8Array;
  readonly alignment: Alignment | null;
  readonly utterance: number;
};

export type GenerationTiming = {
  readonly firstAudioAtMs: number;
  readonly requestedFirstByteMs: number;
  readonly queuedMs: number;
  readonly synthLateMs: number;
  readonly waitMs: number;
};

/** How late synthesis may be before its lateness moves the schedule: ordinary scheduling noise. */
const TOLERANCE_MS = 3;

/** Begins to synthesise every clause of a text; nobody has to await what is no longer wanted. */
export function prepareUnits(
  text: string,
  languageCode: string | undefined,
  settings: VoiceSettings,
  sound: ElevenLabsScript['sound'],
): Promise<Unit>[] {
  const voice = voiceFor(text, languageCode, settings);
  return splitClauses(text).map((clause) => {
    const unit = renderUnit(clause, voice, sound);
    unit.catch(() => undefined);
    return unit;
  });
}

/**
 * Yields the audio of one generation at the script's pace. `onStart` is told the timing just
 * before the first piece. Returns the moment at which the last piece's audio is through, which is
 * when the next generation may begin.
 */
export async function* generateAudio(
  request: GenerationRequest,
  units: readonly Promise<Unit>[],
  script: ElevenLabsScript,
  gone: AbortSignal,
  onStart: (timing: GenerationTiming) => void,
): AsyncGenerator<AudioPiece, number> {
  const requestedFirstByteMs = script.firstByteMs * request.slowness;
  const promisedMs = request.receivedAtMs + requestedFirstByteMs;
  const dueMs = Math.max(promisedMs, request.notBeforeMs);
  const factor = script.realTimeFactor / request.slowness;
  let startMs = dueMs;
  let sentMs = 0;
  let started = false;
  if (!(await waitUntil(dueMs, gone))) return monotonicMs();
  for (const pending of units) {
    const askedAtMs = monotonicMs();
    const unit = await pending;
    const lateMs = monotonicMs() - askedAtMs;
    const moved = lateMs > TOLERANCE_MS;
    if (moved) startMs = Math.max(startMs, monotonicMs() - sentMs / factor);
    const unitMs = unit.mulaw.length / BYTES_PER_MS;
    for (let fromMs = 0; fromMs < unitMs; fromMs += script.chunkMs) {
      if (!(await waitUntil(startMs + sentMs / factor, gone))) return monotonicMs();
      const toMs = Math.min(unitMs, fromMs + script.chunkMs);
      if (!started) {
        started = true;
        const firstAudioAtMs = monotonicMs();
        onStart({
          firstAudioAtMs,
          requestedFirstByteMs,
          queuedMs: dueMs - promisedMs,
          synthLateMs: moved ? lateMs : 0,
          waitMs: firstAudioAtMs - request.receivedAtMs,
        });
      }
      const last = toMs === unitMs;
      yield {
        mulaw: unit.mulaw.subarray(fromMs * BYTES_PER_MS, toMs * BYTES_PER_MS),
        alignment: sliceAlignment(unit.alignment, fromMs, last ? Number.MAX_VALUE : toMs),
        utterance: unit.utterance,
      };
      sentMs += toMs - fromMs;
    }
  }
  return startMs + sentMs / factor;
}
