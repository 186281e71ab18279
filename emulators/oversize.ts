/** Messages of many megabytes, as the fault of that name wants them, at the cost of a copy. */

/** Stands in a message for what it is swollen with; no message holds it by itself. */
export const FILLER = '\u2588filler\u2588';

/**
 * A text that holds `FILLER`, with `bytes` harmless letters in its place; base64 where four divide
 * the number. As a string of 10 MB it would hold up its process for 0.2 to 0.3 s on the way to a
 * socket, and with it a server that shares the process.
 */
export function swollen(text: string, bytes: number): Buffer {
  const [before = '', after = ''] = text.split(FILLER);
  return Buffer.concat([Buffer.from(before), Buffer.alloc(bytes, 'a'), Buffer.from(after)]);
}
