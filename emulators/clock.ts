/**
 * One clock for everything the emulators stamp.
 *
 * `hrtime` is the machine's monotonic clock, so stamps taken in different processes on one machine
 * can be subtracted from each other.
 */

/** Milliseconds on the machine's monotonic clock, with sub-millisecond digits. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
