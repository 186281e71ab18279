/** Repeatable chance: mulberry32, numbers in [0, 1) that depend on the seed alone. */
export function seeded(seed: number): () => number {
  let a = (seed * 2_654_435_769) >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
