/** Refused webhooks in the log: enough to notice, never as many as a forger sends. */
import type { Logger } from '../src/log.ts';
import type { SignatureRefusal } from './twilio-signature.ts';

/** Of one reason a line is written at most this often; the next one says how many it was. */
const QUIET_MS = 10_000;

/** @param now monotonic milliseconds. */
export function logRefusals(
  log: Pick<Logger, 'warn'>,
  now: () => number = () => performance.now(),
): (refusal: SignatureRefusal) => void {
  const last = new Map<string, { readonly atMs: number; untoldCount: number }>();
  return ({ why, status }) => {
    const known = last.get(why);
    if (known !== undefined && now() - known.atMs < QUIET_MS) {
      known.untoldCount += 1;
      return;
    }
    last.set(why, { atMs: now(), untoldCount: 0 });
    const refusedCount = 1 + (known?.untoldCount ?? 0);
    log.warn('webhook refused', { status, why: why.replaceAll(' ', '-'), refusedCount });
  };
}
