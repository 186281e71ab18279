/** Figures of many measurements. */

export type Spread = {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

/** The value below or at which `share` of the sorted values lie (nearest rank); NaN without any. */
function rank(sorted: ArrayLike<number>, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Undefined without values. Rounded to a hundredth. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).toSorted();
  return {
    n: values.length,
    p50: hundredth(rank(sorted, 0.5)),
    p95: hundredth(rank(sorted, 0.95)),
    p99: hundredth(rank(sorted, 0.99)),
    max: hundredth(rank(sorted, 1)),
  };
}

/** Share by share the greater; the number is of the first. */
export function worseOf(one: Spread, other: Spread): Spread {
  return {
    n: one.n,
    p50: Math.max(one.p50, other.p50),
    p95: Math.max(one.p95, other.p95),
    p99: Math.max(one.p99, other.p99),
    max: Math.max(one.max, other.max),
  };
}

export function median(values: readonly number[]): number {
  return rank(Float64Array.from(values).toSorted(), 0.5);
}

export function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}
