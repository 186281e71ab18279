/**
 * Twilio's signature on the WebSocket upgrade: base64(HMAC-SHA1(authToken, url)), where the URL is
 * the `wss://` URL exactly as our TwiML wrote it, without parameters. It is checked against the
 * configured public URL and never against what the request says about itself: Host and
 * X-Forwarded-* are the sender's to choose.
 *
 * The URL is the same for every call, and so is its signature: it proves that Twilio once connected
 * here, not that this call is allowed. That is what the single-use token is for.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** `wss://host/media-stream` for a public URL of `https://host` (`ws://` for `http://`). */
export function mediaStreamUrl(publicUrl: string, path: string): string {
  return publicUrl.replace(/^http/, 'ws').replace(/\/+$/, '') + path;
}

/** True if `signature` is Twilio's for `url`. Constant time in the signature. */
export function isUpgradeSigned(
  authToken: string,
  url: string,
  signature: string | undefined,
): boolean {
  if (signature === undefined || authToken === '') return false;
  const given = Buffer.from(signature);
  let matches = false;
  for (const candidate of spellings(url)) {
    const expected = Buffer.from(createHmac('sha1', authToken).update(candidate).digest('base64'));
    if (given.length === expected.length && timingSafeEqual(given, expected)) matches = true;
  }
  return matches;
}

/**
 * The spellings of one URL that may have been signed: as written; with the scheme's own port written
 * out; and, where the URL is a bare host, with and without its slash (undocumented which it is).
 */
function spellings(url: string): string[] {
  const parts = /^(wss?):\/\/([^/?#]+)(.*)$/.exec(url);
  if (parts === null) return [url];
  const [, scheme = '', authority = '', rest = ''] = parts;
  const port = scheme === 'wss' ? ':443' : ':80';
  const bareHost = authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
  const hosts = /:\d+$/.test(bareHost) ? [bareHost] : [bareHost, bareHost + port];
  const rests = rest === '' || rest === '/' ? ['', '/'] : [rest];
  return hosts.flatMap((host) => rests.map((end) => `${scheme}://${host}${end}`));
}
