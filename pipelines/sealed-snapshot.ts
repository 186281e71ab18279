/** A call's snapshot as other processes get it: sealed for this call and no other. */
import type { CallSnapshot } from '../src/conversation/resume.ts';
import type { Sealer } from '../src/store/sealed-text.ts';

export type SavedSnapshot = {
  readonly snapshot: CallSnapshot;
  /** Unix milliseconds. */
  readonly savedAtMs: number;
};

/** Of its form: what a newer or older version of the server wrote is not read. */
const VERSION = 1;

function placeOf(callSid: string) {
  return { table: 'call_sessions', row: callSid, column: 'snapshot' };
}

export function sealSnapshot(
  sealer: Sealer,
  callSid: string,
  snapshot: CallSnapshot,
  savedAtMs: number,
): string {
  const text = JSON.stringify({ version: VERSION, savedAtMs, snapshot });
  return sealer.seal(placeOf(callSid), text).toString('base64');
}

/** Undefined where it does not open, or another version wrote it: then the database has to do. */
export function openSnapshot(
  sealer: Sealer,
  callSid: string,
  sealed: string,
): SavedSnapshot | undefined {
  try {
    const text = sealer.open(placeOf(callSid), Buffer.from(sealed, 'base64'));
    const saved: unknown = JSON.parse(text);
    // Sealed by us, so its form is what its version says.
    return isOurs(saved) ? saved : undefined;
  } catch {
    return undefined;
  }
}

function isOurs(saved: unknown): saved is SavedSnapshot {
  return (
    typeof saved === 'object' &&
    saved !== null &&
    'version' in saved &&
    saved.version === VERSION &&
    'savedAtMs' in saved &&
    typeof saved.savedAtMs === 'number' &&
    'snapshot' in saved &&
    typeof saved.snapshot === 'object'
  );
}
