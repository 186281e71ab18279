/** What the server's own page of metrics says of how it runs. */

export type ServerFigures = {
  /** Spent collecting garbage since the server began, on the thread of the calls. */
  readonly gcMs: number;
  /** Full collections since the server began. */
  readonly fullCollections: number;
  /** How late the event loop was since the figures were last read, at the 99th percentile. */
  readonly loopDelayP99Ms: number;
  /** In use now, garbage included: V8's heap and what it holds outside, kilobytes. */
  readonly heapKb: number;
};

/** The period of the histogram behind the page, which is part of every value in it. */
const RESOLUTION_MS = 10;

/** @throws Error where the page does not answer or does not hold them. */
export async function readServerFigures(url: string): Promise<ServerFigures> {
  const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
  return figuresOf(await response.text());
}

export function figuresOf(page: string): ServerFigures {
  const gc = [...page.matchAll(/^nodejs_gc_duration_seconds_sum(?:\{[^}]*\})? (\S+)$/gm)];
  const full = /^nodejs_gc_duration_seconds_count\{kind="major"\} (\S+)$/m.exec(page);
  const delay = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(page)?.[1];
  const heap = /^nodejs_heap_size_used_bytes (\S+)$/m.exec(page)?.[1];
  const outside = /^nodejs_external_memory_bytes (\S+)$/m.exec(page)?.[1];
  if (delay === undefined) throw new Error('the server says nothing of its event loop');
  if (heap === undefined || outside === undefined) throw new Error('it says nothing of its heap');
  return {
    fullCollections: Number(full?.[1] ?? 0),
    gcMs: gc.reduce((sum, [, seconds]) => sum + Number(seconds) * 1_000, 0),
    loopDelayP99Ms: Math.max(0, Number(delay) * 1_000 - RESOLUTION_MS),
    heapKb: Math.round((Number(heap) + Number(outside)) / 1_024),
  };
}
