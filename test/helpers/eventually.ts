/**
 * Asks until there is an answer, for what can only be looked at, not waited for.
 *
 * @throws Error that says `otherwise`, when there is none within `withinMs`.
 */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 3_000,
  otherwise = `not so: ${ask}`,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) throw new Error(`${otherwise}, in ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
