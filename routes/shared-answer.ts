/** An answer that costs something, for a question that anybody may ask as often as they like. */

/**
 * Asks once at a time, and not again before the last answer is `forMs` old: whoever comes meanwhile is
 * given that one. A failure is for those who waited for it, and for nobody else.
 * @param ask settles, sooner or later.
 * @param now monotonic milliseconds.
 */
export function sharedAnswer<T>(
  forMs: number,
  ask: () => Promise<T>,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  /** `answeredMs` is undefined while it is under way. */
  let last: { readonly answer: Promise<T>; answeredMs: number | undefined } | undefined;
  return async () => {
    const isOld = last?.answeredMs !== undefined && now() - last.answeredMs >= forMs;
    if (last !== undefined && !isOld) return await last.answer;
    const asked = { answer: ask(), answeredMs: undefined as number | undefined };
    last = asked;
    try {
      return await asked.answer;
    } catch (error) {
      last = undefined;
      throw error;
    } finally {
      asked.answeredMs = now();
    }
  };
}
