export type Spread = { readonly p50: number; readonly p95: number; readonly max: number };

/** The value below or at which `share` of the values lie (nearest rank); undefined without any. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

export function spread(values: readonly number[]): Spread | undefined {
  const p50 = percentile(values, 0.5);
  const p95 = percentile(values, 0.95);
  if (p50 === undefined || p95 === undefined) return undefined;
  return { p50: tenth(p50), p95: tenth(p95), max: tenth(Math.max(...values)) };
}

/** Rounded to a tenth of a millisecond. */
export function tenth(ms: number): number {
  return Math.round(ms * 10) / 10;
}
