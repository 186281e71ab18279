/**
 * Decodes a media payload, or undefined where it is not plain, padded base64 (RFC 4648 §4) of 1 to
 * `maxBytes` bytes.
 *
 * Node's decoder skips what it does not know and accepts the URL alphabet. Every character it skips
 * makes the result shorter than the length implies, so comparing lengths finds those; the URL
 * alphabet has to be looked for.
 */
export function decodeAudio(base64: string, maxBytes: number): Uint8Array | undefined {
  const length = base64.length;
  if (length === 0 || length % 4 !== 0) return undefined;
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  const expectedBytes = (length / 4) * 3 - padding;
  if (expectedBytes > maxBytes) return undefined;
  if (base64.includes('-') || base64.includes('_')) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length === expectedBytes ? bytes : undefined;
}
