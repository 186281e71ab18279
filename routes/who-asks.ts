/** Who asks for what is not for the public: this machine itself, or whoever bears a token. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Request } from 'express';

const LOOPBACK = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/;
/** Set by proxies and tunnels: then the peer is this machine, and who asks is not. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;

/**
 * Same machine, and not by way of a page of somebody else's: neither from another origin, nor under
 * another name that was made to lead here (DNS rebinding).
 */
export function isThisMachine(req: IncomingMessage): boolean {
  const { origin } = req.headers;
  return (
    LOOPBACK.test(req.socket.remoteAddress ?? '') &&
    LOOPBACK_HOST.test(req.headers.host ?? '') &&
    FORWARDED.every((name) => req.headers[name] === undefined) &&
    (origin === undefined || LOOPBACK_HOST.test(origin.replace(/^https?:\/\//, '')))
  );
}

/** `Authorization: Bearer …` with one of the tokens. Those that are not set let nobody in. */
export function bears(req: Request, ...tokens: readonly (string | undefined)[]): boolean {
  const given = req.get('authorization') ?? '';
  // Every one is compared, so that the time does not tell which.
  return tokens.reduce(
    (found, token) => (token !== undefined && isSame(given, `Bearer ${token}`)) || found,
    false,
  );
}

/** In a time that does not tell where they differ, or how long the right one is. */
export function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
