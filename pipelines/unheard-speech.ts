/**
 * Notices that the caller has stopped speaking, and nobody could make out what they said: the
 * recogniser is gone, late, or finds no words. They must not be left waiting in silence.
 */
import type { SttEvent } from '../adapters/stt/port.ts';
import type { SpeechRun } from './speech-energy.ts';

/** So much loudness is speech, and so much quiet behind it is its end, whoever listens. */
const LEAST_SPEECH_MS = 240;
const SPEECH_OVER_MS = 1_100;
const LOOKED_AT_EVERY_MS = 200;
/** Older speech is no longer waited for. */
const SPEECH_FORGOTTEN_MS = 5_000;
/** Words that are late by more will not come: the caller has waited in silence long enough. */
const OWED_MS = 3_500;
/** So much unjudged audio is more than any healthy recogniser leaves in a turn. */
const BEHIND_MS = 700;
/** So long after its end another recogniser may still be told speech that was not judged. */
const UNJUDGED_MS = 12_000;
/** Speech of this length has words in it. */
const WORDY_SPEECH_MS = 700;
/** A recogniser that finds no words in what it takes for speech so many times running is no good. */
const MAX_WORDLESS = 2;

/** What is known of the line when it is looked at; milliseconds of call audio unless said. */
export type LineView = {
  /** The newest run of speech, as the loudness meter counts, and how far the meter has come. */
  readonly run: SpeechRun | undefined;
  readonly meterMs: number;
  readonly endMs: number;
  /** What the recogniser has judged, or the ones before it; 0 without one. */
  readonly judgedMs: number;
  readonly hasOpenTurn: boolean;
  /** Monotonic time. */
  readonly nowMs: number;
};

/**
 * `late`: words may still come. `wordless`: they will not, and the caller has to be asked again.
 * `hopeless`: the same again and again; another recogniser may find words in the same speech.
 */
export type Unheard = 'late' | 'wordless' | 'hopeless';

/** Whether there was speech that the recogniser has left lying, or none was there to judge. */
export function isLeftUnjudged({ run, meterMs, endMs, judgedMs }: LineView): boolean {
  if (run === undefined) return false;
  const quietMs = meterMs - run.endMs;
  return quietMs < UNJUDGED_MS && endMs - quietMs - judgedMs > BEHIND_MS;
}

export class UnheardSpeech {
  /** Call audio up to here is in some event with words. */
  #wordsMs = 0;
  /** Call audio up to here is in some event of a turn, with words or without. */
  #speechMs = 0;
  /** The recogniser has a turn open, whatever became of it in the call. */
  #inTurn = false;
  /** Where the newest speech began that was told to be unheard, as the loudness meter counts. */
  #toldFromMs = -1;
  #wordlessRuns = 0;
  /** Since when words of the caller are late, of which nothing has come yet. */
  #owedSinceMs: number | undefined;

  /** Another recogniser listens. */
  newEar(): void {
    this.#inTurn = false;
  }

  /** The recogniser told something of the audio up to `heardMs`. */
  heard(event: Exclude<SttEvent, { kind: 'failed' }>, heardMs: number): void {
    this.#speechMs = Math.max(this.#speechMs, heardMs);
    this.#inTurn = event.kind !== 'end';
    if (event.text === '') return;
    this.#wordsMs = Math.max(this.#wordsMs, heardMs);
    this.#wordlessRuns = 0;
    this.#owedSinceMs = undefined;
  }

  /**
   * Where speech begins, as the loudness meter counts, that is not over or has only just ended, so
   * that the caller has had no answer to it of any kind; undefined where there is none.
   */
  pendingFromMs(run: SpeechRun | undefined, meterMs: number): number | undefined {
    if (!run || run.startMs === this.#toldFromMs) return undefined;
    return meterMs - run.endMs <= SPEECH_OVER_MS + LOOKED_AT_EVERY_MS ? run.startMs : undefined;
  }

  /** To be asked every 200 ms. */
  look(line: LineView): Unheard | undefined {
    const { run, meterMs, endMs, judgedMs } = line;
    if (!run || run.startMs === this.#toldFromMs || run.loudMs < LEAST_SPEECH_MS) return undefined;
    const quietMs = meterMs - run.endMs;
    if (quietMs < SPEECH_OVER_MS || quietMs > SPEECH_FORGOTTEN_MS) return undefined;
    const speechEndMs = endMs - quietMs;
    const speechStartMs = speechEndMs - (run.endMs - run.startMs);
    const isJudged = judgedMs >= speechEndMs;
    // An open turn may be a pause in a sentence, but not if its recogniser has fallen behind.
    const isBehind = line.hasOpenTurn && endMs - judgedMs > BEHIND_MS;
    const tookForSpeech = this.#inTurn || this.#speechMs > speechStartMs;
    const foundWords = this.#wordsMs > speechStartMs;
    const isWordless = tookForSpeech && run.loudMs >= WORDY_SPEECH_MS && !foundWords && isJudged;
    if (!isWordless && isJudged && !isBehind) return undefined;
    this.#toldFromMs = run.startMs;
    if (isWordless) return this.#wordless(line.nowMs);
    if (!foundWords) this.#owedSinceMs = line.nowMs;
    return 'late';
  }

  /** Words that were late have not come at all. */
  overdue(nowMs: number): Unheard | undefined {
    if (this.#owedSinceMs === undefined || nowMs - this.#owedSinceMs < OWED_MS) return undefined;
    return this.#wordless(nowMs);
  }

  #wordless(nowMs: number): Unheard {
    this.#owedSinceMs = undefined;
    this.#wordlessRuns += 1;
    if (this.#wordlessRuns < MAX_WORDLESS) return 'wordless';
    // The next recogniser will be told the same speech again.
    this.#wordlessRuns = 0;
    this.#owedSinceMs = nowMs;
    return 'hopeless';
  }
}
