/**
 * Lets through only what Twilio signed. Goes before every Twilio webhook.
 *
 * The signature covers the full URL and every form field, known or not, so nothing may be left out,
 * and the URL is the configured public one plus the path and query as they arrived: Host and
 * X-Forwarded-* are the sender's to choose. Source: Twilio, "Webhooks security".
 */
import { text, type NextFunction, type Request, type Response } from 'express';
// Not the whole of the package, whose REST client takes 0.2 s to load.
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';

/** Twilio's forms are one or two kilobytes; a message body adds at most 1,600 characters. */
const maxForm = '32kb';
const maxFields = 1_000;
const formType = 'application/x-www-form-urlencoded';
/** Senders that are remembered; beyond it the one that failed longest ago is forgotten. */
const maxSenders = 1_000;

export type SignatureOptions = {
  /** The public base URL, e.g. `https://line.example`. Called per request: a port may come late. */
  readonly publicUrl: () => string;
  readonly authToken: string;
  /** Called for each refusal. `sender` is the peer's address; `why` names no field and no value. */
  readonly onRefused?: (refusal: SignatureRefusal) => void;
};

export type SignatureRefusal = {
  readonly status: 403 | 405 | 413 | 415 | 400;
  readonly why: string;
  readonly sender: string;
  /** Refusals of this sender so far. */
  readonly count: number;
};

export type SignatureCheck = {
  /** Express middlewares, in order; afterwards `req.body` is a `TwilioForm` with all fields. */
  readonly handlers: readonly ((req: Request, res: Response, next: NextFunction) => void)[];
  /** Refusals by sender, most recent last; at most 1,000 senders. */
  failures(): ReadonlyMap<string, number>;
};

/** Builds the check. Refusals answer 403 (405, 413, 415, 400 for what is not a form) with no body. */
export function createSignatureCheck(options: SignatureOptions): SignatureCheck {
  const failures = new Map<string, number>();

  const refuse = (req: Request, res: Response, status: SignatureRefusal['status'], why: string) => {
    const sender = req.socket.remoteAddress ?? 'unknown';
    const count = (failures.get(sender) ?? 0) + 1;
    failures.delete(sender);
    failures.set(sender, count);
    if (failures.size > maxSenders) {
      const oldest = failures.keys().next();
      if (!oldest.done) failures.delete(oldest.value);
    }
    options.onRefused?.({ status, why, sender, count });
    // What is left of an unread body is not worth reading.
    res.set('Connection', 'close').status(status).end();
  };

  const acceptForm = (req: Request, res: Response, next: NextFunction): void => {
    if (req.method !== 'POST') {
      res.set('Allow', 'POST');
      return refuse(req, res, 405, 'not a POST');
    }
    if (header(req) === undefined) return refuse(req, res, 403, 'no signature');
    if (!req.is(formType)) return refuse(req, res, 415, 'not a form');
    next();
  };

  const readBody = text({ type: formType, limit: maxForm, inflate: false });
  const readForm = (req: Request, res: Response, next: NextFunction): void => {
    readBody(req, res, (error?: unknown) => {
      if (error !== undefined && error !== null) {
        const isTooLarge = error instanceof Error && 'status' in error && error.status === 413;
        return isTooLarge
          ? refuse(req, res, 413, 'form too large')
          : refuse(req, res, 400, 'unreadable form');
      }
      const form = parseForm(typeof req.body === 'string' ? req.body : '');
      if (form === undefined) return refuse(req, res, 413, 'too many fields');
      req.body = form;
      next();
    });
  };

  const verify = (req: Request, res: Response, next: NextFunction): void => {
    const url = options.publicUrl().replace(/\/+$/, '') + req.originalUrl;
    if (isSigned(options.authToken, header(req), url, req.body)) return next();
    refuse(req, res, 403, 'signature does not match');
  };

  return { handlers: [acceptForm, readForm, verify], failures: () => failures };
}

/** A Twilio form: every field by name, a repeated one with all its values. It has no prototype. */
export type TwilioForm = { readonly [field: string]: string | string[] };

/**
 * Reads a form without losing anything, since everything was signed. Express's own parser drops
 * fields named like an object's parts and reads brackets in names; then an added field would pass
 * unnoticed. Undefined: more than 1,000 fields.
 */
function parseForm(body: string): TwilioForm | undefined {
  const form: { [field: string]: string | string[] } = Object.create(null);
  let count = 0;
  for (const [name, value] of new URLSearchParams(body)) {
    count += 1;
    if (count > maxFields) return undefined;
    const known = form[name];
    if (known === undefined) form[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else form[name] = [known, value];
  }
  return form;
}

function header(req: Request): string | undefined {
  const value = req.headers['x-twilio-signature'];
  return typeof value === 'string' ? value : undefined;
}

/** Twilio's own validator; it throws on URLs that cannot be parsed, which nobody signed. */
function isSigned(
  authToken: string,
  signature: string | undefined,
  url: string,
  form: unknown,
): boolean {
  if (signature === undefined || authToken === '') return false;
  if (typeof form !== 'object' || form === null) return false;
  try {
    return validateRequest(authToken, signature, url, form as Record<string, unknown>);
  } catch {
    return false;
  }
}
