/** Random bytes a few at a time, as for every text sealed and every row written. */
import { randomFillSync } from 'node:crypto';

/** A system call's worth: asking for so many costs hardly more than asking for twelve. */
const POOL_BYTES = 4_096;
const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let used = POOL_BYTES;

/**
 * `count` bytes of the system's generator, never the same ones twice; they are wiped from where
 * they waited.
 * @throws RangeError for anything but a whole number from 1 to 4,096.
 */
export function fewRandomBytes(count: number): Buffer {
  if (!Number.isInteger(count) || count < 1 || count > POOL_BYTES) {
    throw new RangeError('few random bytes, not none and not many');
  }
  if (used + count > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Buffer.from(pool.subarray(used, used + count));
  pool.fill(0, used, used + count);
  used += count;
  return bytes;
}
