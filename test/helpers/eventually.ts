/** Waits until something asked for comes true; for what can only be looked at, not waited for. */
export async function eventually(
  what: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await what())) {
    if (performance.now() > deadline) throw new Error(`did not come true in ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
