/**
 * What `work` resolves to, or undefined where it has not within `ms`; rejects where it does in time.
 * Whoever gives up goes on: `work` itself is not stopped, and what becomes of it later is its owner's.
 *
 * After a pause of this process its timers are late, and come before what its sockets have to tell.
 * So these are read once more before the time counts as over, which is enough for one answer.
 */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => setImmediate(resolve, undefined), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
