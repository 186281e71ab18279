/**
 * Lets through only what Twilio signed. Goes before every Twilio webhook.
 *
 * The signature covers the full URL and every form field, known or not, so nothing may be left out,
 * and the URL is the configured public one plus the path and query as they arrived: Host and
 * X-Forwarded-* are the sender's to choose. Source: Twilio, "Webhooks security".
 */
import type { Duplex } from 'node:stream';
import { text, type NextFunction, type Request, type Response } from 'express';
// Not the whole of the package, whose REST client takes 0.2 s to load.
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import { createFormPlaces } from './form-places.ts';
import { createRefusalLimit, type RefusalLimit } from './refusal-limit.ts';
import { senderIn, type SenderOf } from './sender.ts';
import { isSame } from './who-asks.ts';

/** Twilio's forms are one or two kilobytes; a message body adds at most 1,600 characters. */
const maxForm = '32kb';
/** Of a sender who was refused too often: what a call's webhooks need. */
const maxFormOfRefused = '8kb';
const maxFields = 1_000;
const formType = 'application/x-www-form-urlencoded';
/** Names of Twilio's fields, those of passed-on SIP headers and parameters included. */
const FIELD_NAME = /^[A-Za-z][A-Za-z0-9_.:-]{0,127}$/;
/** Fields that something depends on. With two values, what was signed would not say which holds. */
const SINGLE_FIELDS = `CallSid AccountSid MessageSid StreamSid From To Direction CallStatus
  SequenceNumber StreamEvent AnsweredBy StirVerstat Body NumMedia OptOutType`.split(/\s+/);
/** The query parameter that carries WEBHOOK_SECRET. */
export const KEY_PARAMETER = 'key';
/** Seconds after which a sender who was refused too often may try again. */
const RETRY_AFTER_S = 10;

export type SignatureOptions = {
  /** The public base URL, e.g. `https://line.example`. Called per request: a port may come late. */
  readonly publicUrl: () => string;
  readonly authToken: string;
  /** What the URL has to carry besides; see `KEY_PARAMETER`. Undefined: nothing. */
  readonly secret?: string | undefined;
  /** Default: the peer's address. */
  readonly senderOf?: SenderOf;
  /** How many refusals a sender may have. */
  readonly limit?: RefusalLimit;
  /** Told of the connection of each request that passed. */
  readonly onSigned?: ((socket: Duplex) => void) | undefined;
  /** Called for each refusal. `sender` is an address; `why` names no field and no value. */
  readonly onRefused?: (refusal: SignatureRefusal) => void;
};

const REASONS = [
  'not a POST',
  'no signature',
  'not a form',
  'form too large',
  'form too slow',
  'too many forms at once',
  'unreadable form',
  'too many fields',
  'ambiguous form',
  'signature does not match',
  'wrong key',
] as const;
export type RefusalReason = (typeof REASONS)[number];

export type SignatureRefusal = {
  /** 429: too many forms at once, and any of the others of a sender who was refused too often. */
  readonly status: 403 | 405 | 408 | 413 | 415 | 400 | 429;
  readonly why: RefusalReason;
  readonly sender: string;
  /** Refusals of this sender so far. */
  readonly count: number;
};

export type SignatureCheck = {
  /** Express middlewares, in order; afterwards `req.body` is a `TwilioForm` with all fields. */
  readonly handlers: readonly ((req: Request, res: Response, next: NextFunction) => void)[];
  /** Refusals by sender, most recent last; at most 1,000 senders. */
  failures(): ReadonlyMap<string, number>;
  /** Refusals since the start, by reason. */
  refused(): Readonly<Record<RefusalReason, number>>;
};

/**
 * Builds the check. Refusals answer 403 (405, 413, 415, 400 for what is not a form, 408 for one that
 * does not come) with no body, and 429 once a sender has had too many. The limit never stops what is signed: forgers may share an
 * address with Twilio (a proxy, or Twilio itself, which sends for all its customers), and must not be
 * able to keep callers out.
 */
export function createSignatureCheck(options: SignatureOptions): SignatureCheck {
  const limit = options.limit ?? createRefusalLimit();
  const senderOf = options.senderOf ?? senderIn([]);
  const places = createFormPlaces();
  const refused = Object.fromEntries(REASONS.map((why) => [why, 0])) as Record<
    RefusalReason,
    number
  >;

  const refuse = (
    req: Request,
    res: Response,
    usual: SignatureRefusal['status'],
    why: RefusalReason,
  ): void => {
    const sender = senderOf(req);
    const { count, isOver } = limit.count(sender);
    const status = isOver ? 429 : usual;
    if (status === 429) res.set('Retry-After', String(RETRY_AFTER_S));
    refused[why] += 1;
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

  const readUsual = text({ type: formType, limit: maxForm, inflate: false });
  const readOfRefused = text({ type: formType, limit: maxFormOfRefused, inflate: false });
  const readForm = (req: Request, res: Response, next: NextFunction): void => {
    const sender = senderOf(req);
    const readBody = limit.isOver(sender) ? readOfRefused : readUsual;
    const giveBack = places.take(sender, (why) => {
      if (why === 'late') refuse(req, res, 408, 'form too slow');
      else refuse(req, res, 429, 'too many forms at once');
    });
    readBody(req, res, (error?: unknown) => {
      // It has been refused, and its connection with it.
      if (!giveBack()) return;
      if (error !== undefined && error !== null) {
        const isTooLarge = error instanceof Error && 'status' in error && error.status === 413;
        return isTooLarge
          ? refuse(req, res, 413, 'form too large')
          : refuse(req, res, 400, 'unreadable form');
      }
      const body = typeof req.body === 'string' ? req.body : '';
      const form = parseForm(body);
      if (form === undefined) return refuse(req, res, 413, 'too many fields');
      req.body = form;
      rawForms.set(req, body);
      next();
    });
  };

  const verify = (req: Request, res: Response, next: NextFunction): void => {
    const url = options.publicUrl().replace(/\/+$/, '') + req.originalUrl;
    if (!isSigned(options.authToken, header(req), url, req.body)) {
      return refuse(req, res, 403, 'signature does not match');
    }
    if (!isPlain(req.body)) return refuse(req, res, 403, 'ambiguous form');
    if (!hasKey(req.originalUrl, options.secret)) return refuse(req, res, 403, 'wrong key');
    options.onSigned?.(req.socket);
    next();
  };

  return {
    handlers: [acceptForm, readForm, verify],
    failures: () => limit.counts(),
    refused: () => refused,
  };
}

const rawForms = new WeakMap<Request, string>();

/** The form as it came, of a request that has passed the check. */
export function rawFormOf(req: Request): string {
  return rawForms.get(req) ?? '';
}

/**
 * Twilio signs names and values strung together, so a form could be cut elsewhere and still fit, as
 * could one whose fields come twice. Such a one is nobody's.
 */
function isPlain(form: TwilioForm): boolean {
  if (!Object.keys(form).every((name) => FIELD_NAME.test(name))) return false;
  return SINGLE_FIELDS.every((name) => !Array.isArray(form[name]));
}

function hasKey(originalUrl: string, secret: string | undefined): boolean {
  if (secret === undefined) return true;
  const at = originalUrl.indexOf('?');
  const query = new URLSearchParams(at < 0 ? '' : originalUrl.slice(at + 1));
  const given = query.getAll(KEY_PARAMETER);
  return isSame(given[0] ?? '', secret) && given.length === 1;
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
