/** The stamp of a line's first frame: set once, when the call is answered. */
export type LineZero = { atMs: number };
