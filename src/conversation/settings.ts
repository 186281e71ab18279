import type { LineId, Settings } from './types.ts';

/**
 * Manners for an older person on the phone. The silences are what felt right in use: patient with
 * the caller, never leaving them waiting without a sound.
 */
export function defaultSettings(
  lines: Readonly<Record<LineId, readonly string[]>>,
  language: 'en' | 'es',
): Settings {
  return {
    lines,
    language,
    observe: () => ({ signals: [], guidance: [] }),
    endSilenceMs: 0,
    // Flux ends a silent turn by itself after its own timeout of 5 s; later than that it is stuck.
    stuckTurnMs: 6_500,
    wordlessTurnMs: 3_000,
    // The carrier holds about a second of our audio, so holding this long is not heard.
    falseInterruptionMs: 900,
    longestTurnMs: 60_000,
    draftsPerTurn: 3,
    // Counted from the decision that the turn has ended, which itself takes about 0.35 s of the two seconds.
    fillerAfterMs: 1_300,
    giveUpAfterMs: 3_200,
    toolTimeoutMs: 4_000,
    idleMs: [9_000, 10_000, 10_000],
    goodbyeGraceMs: 5_000,
    goodbyeNotBeforeMs: 60_000,
    windDownAfterMs: 9 * 60_000,
    endAfterMs: 12 * 60_000,
    resumeGraceMs: 20_000,
    markSlackMs: 1_500,
  };
}
