/** Whether the database holds what was said and heard, read after the server has ended. */
import type { Evidence } from './evidence.ts';
import { wordDistance, wordsOf } from './words.ts';

/**
 * Words by which the turns in the database differ from what left the caller's phone and what reached
 * their ear. Where the companion was cut off, its last word may or may not count as heard. Undefined
 * where nothing was read, or a real vendor's words cannot be told.
 */
export function unkeptWords(evidence: Evidence): number | undefined {
  const { kept, vendors, heard, lines, expect } = evidence;
  if (kept === undefined || !vendors.stt || !vendors.model || !vendors.voice) return undefined;
  const by = (speaker: 'caller' | 'companion'): string[] =>
    kept.turns
      .filter((turn) => turn.speaker === speaker)
      .flatMap(({ heard: text }) => wordsOf(text));
  const inEar = wordDistance(
    by('companion'),
    heard.flatMap(({ text }) => wordsOf(text)),
  );
  const cuts = kept.turns.filter(({ interrupted }) => interrupted).length;
  const unheard = Math.max(0, inEar - cuts);
  // What an answering machine says is nobody's line.
  if (expect.machine === true) return unheard;
  return (
    unheard +
    wordDistance(
      by('caller'),
      lines.flatMap(({ text }) => wordsOf(text)),
    )
  );
}

/** Promises about what is kept that this call broke, in words. */
export function brokenKeeping({ kept, expect }: Evidence): string[] {
  if (kept === undefined) return [];
  const failures: string[] = [];
  if (kept.state !== 'ended') {
    failures.push(`in the database the call is ${kept.state ?? 'not there'}`);
  }
  if (expect.alert !== undefined && !kept.alerts.includes(expect.alert)) {
    failures.push(`the alert '${expect.alert}' is not in the database`);
  }
  return failures;
}
