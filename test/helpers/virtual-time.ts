/**
 * Virtual time: a queue of things to do, in the order of their time. Nothing here sleeps.
 *
 * Things due at the same time run in the order in which they were planned, unless `tieBreak` gives
 * them a random order, which is how a simulation finds what depends on luck.
 */
export class VirtualTime {
  #now = 0;
  #planned = 0;
  readonly #heap: Planned[] = [];
  readonly #tieBreak: (() => number) | undefined;

  constructor(tieBreak?: () => number) {
    this.#tieBreak = tieBreak;
  }

  /** Milliseconds since the beginning. */
  get now(): number {
    return this.#now;
  }

  /** How many things are planned. */
  get pending(): number {
    return this.#heap.length;
  }

  /** Plans `run` at a time; a time in the past means now. Returns a way to call it off. */
  at(time: number, run: () => void): () => void {
    const planned: Planned = {
      at: Math.max(time, this.#now),
      tie: this.#tieBreak?.() ?? 0,
      order: (this.#planned += 1),
      run,
    };
    push(this.#heap, planned);
    return () => {
      planned.run = undefined;
    };
  }

  /** Plans `run` after so many milliseconds. */
  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#now + Math.max(0, delayMs), run);
  }

  /** Does everything due up to and including `time`, then stands at it. */
  runUntil(time: number): void {
    for (let next = this.#heap[0]; next && next.at <= time; next = this.#heap[0]) {
      pop(this.#heap);
      this.#now = next.at;
      next.run?.();
    }
    this.#now = Math.max(this.#now, time);
  }

  /** Does the next thing. False when nothing is planned. */
  runNext(): boolean {
    const next = pop(this.#heap);
    if (!next) return false;
    this.#now = next.at;
    next.run?.();
    return true;
  }
}

type Planned = { at: number; tie: number; order: number; run: (() => void) | undefined };

function before(a: Planned, b: Planned): boolean {
  if (a.at !== b.at) return a.at < b.at;
  return a.tie === b.tie ? a.order < b.order : a.tie < b.tie;
}

function push(heap: Planned[], item: Planned): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent]!;
    if (!before(item, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = item;
}

function pop(heap: Planned[]): Planned | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (!top || !last || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return top;
}
