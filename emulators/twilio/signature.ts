import { createHmac } from 'node:crypto';

/**
 * X-Twilio-Signature of a form webhook: HMAC-SHA1, base64, over the exact URL followed by every
 * parameter's name and value, sorted by name, repeated values de-duplicated and sorted. GET
 * webhooks and WebSocket upgrades have no parameters: their URL is all that is signed.
 */
export function twilioSignature(
  authToken: string,
  url: string,
  params: Readonly<Record<string, string | readonly string[]>> = {},
): string {
  let text = url;
  for (const name of Object.keys(params).toSorted()) {
    const value = params[name];
    const values = typeof value === 'string' ? [value] : [...new Set(value)].toSorted();
    for (const one of values) text += name + one;
  }
  return createHmac('sha1', authToken).update(text, 'utf8').digest('base64');
}
