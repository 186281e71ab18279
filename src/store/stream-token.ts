/**
 * Stream tokens: 256 random bits that let one media stream in, once. They travel in a `<Parameter>`
 * of the TwiML; the store knows only their SHA-256, so reading the store lets nobody in.
 */
import { createHash, randomBytes } from 'node:crypto';

/** How long a token is good: Twilio connects within a second or two of reading the TwiML. */
export const streamTokenTtlMs = 60_000;

/** A fresh token: 43 characters, safe in XML and URLs. */
export function newStreamToken(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256, hexadecimal. Random input of this size needs neither salt nor stretching. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
