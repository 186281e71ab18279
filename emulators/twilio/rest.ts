import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultScript } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import type { TwilioEvent } from './events.ts';
import { faultBeforeRequest, sendReply } from './rest-faults.ts';
import { restError, sendJson, type RestReply } from './rest-json.ts';
import type { TwilioScript } from './types.ts';

const MAX_BODY_BYTES = 256 * 1024;

/** One REST request: `path` is what follows `/2010-04-01/Accounts/{sid}/`. */
export type RestRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
};

export type RestOptions = {
  readonly accountSid: string;
  readonly authToken: string;
  readonly log: EmulatorLog<TwilioEvent>;
  readonly faults: FaultScript;
  readonly script: TwilioScript;
  /** Obeys one authenticated request. */
  readonly handle: (request: RestRequest) => RestReply;
};

/** The request listener of the REST API: authentication, faults, logging around `handle`. */
export function restListener(
  options: RestOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { log, faults, script } = options;
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://emulator');
    const form = await readForm(request);
    const method = request.method ?? 'GET';
    const note = (status: number): void => {
      log.add({ what: 'rest', method, path: url.pathname, form: formRecord(form), status });
    };
    const fault = faults.next('rest');
    if (fault) log.add({ what: 'fault', surface: 'rest', fault });
    if (faultBeforeRequest(fault, request, response) === 'answered') {
      note(fault?.kind === 'status' ? fault.status : 0);
      return;
    }
    const delayMs = script.restMs * (fault?.kind === 'slow' ? fault.factor : 1);
    if (delayMs > 0) await sleep(delayMs);
    const refusal = authorise(options, request, url.pathname);
    if (refusal) {
      note(refusal.status);
      sendJson(response, refusal);
      return;
    }
    const path = url.pathname.split('/').slice(4).join('/');
    const reply = options.handle({ method, path, query: url.searchParams, form });
    note(reply.status);
    await sendReply(fault, response, reply);
  };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes <= MAX_BODY_BYTES) parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}

function formRecord(form: URLSearchParams): Record<string, string | string[]> {
  const record: Record<string, string | string[]> = {};
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name);
    record[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return record;
}

function authorise(
  options: RestOptions,
  request: IncomingMessage,
  pathname: string,
): RestReply | undefined {
  const expected = `${options.accountSid}:${options.authToken}`;
  const [scheme, credentials] = (request.headers.authorization ?? '').split(' ');
  const given = Buffer.from(credentials ?? '', 'base64').toString('utf8');
  if (scheme?.toLowerCase() !== 'basic' || !sameText(given, expected)) {
    return restError(401, 20003, 'Authenticate');
  }
  const [, version, accounts, account] = pathname.split('/');
  const accountName = account?.replace(/\.json$/, '');
  if (version !== '2010-04-01' || accounts !== 'Accounts' || accountName !== options.accountSid) {
    return restError(404, 20404, `The requested resource ${pathname} was not found`);
  }
  return undefined;
}

function sameText(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
