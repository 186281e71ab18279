import { randomUUID } from 'node:crypto';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { monotonicMs } from '../clock.ts';
import type { EmulatorLog } from '../log.ts';
import type { TwilioEvent, WebhookKind } from './events.ts';
import { twilioSignature } from './signature.ts';

/** Twilio waits 15 s for the whole answer. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Twilio reads at most 64 kB of TwiML. */
const MAX_BODY_BYTES = 64 * 1024;

export type WebhookRequest = {
  readonly callSid: string;
  readonly kind: WebhookKind;
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly params: Readonly<Record<string, string>>;
};

/** A connection of the pool that was closed before it carried anything back. */
class StaleConnection extends Error {
  constructor() {
    super('the pooled connection was closed');
  }
}

const STALE_CODES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);

/** `failure` is set when there was no answer; then `status` is 0. */
export type WebhookAnswer = {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly failure?: string;
};

/** Sends Twilio's signed requests to the server, one connection pool for the whole emulator. */
export class WebhookClient {
  readonly #authToken: string;
  readonly #log: EmulatorLog<TwilioEvent>;
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: 256 });
  readonly #https = new HttpsAgent({ keepAlive: true, maxSockets: 256 });

  constructor(authToken: string, log: EmulatorLog<TwilioEvent>) {
    this.#authToken = authToken;
    this.#log = log;
  }

  /** Never rejects: a failed request is an answer with `failure`. */
  async send(request: WebhookRequest): Promise<WebhookAnswer> {
    const { callSid, kind, url, params } = request;
    this.#log.add({ what: 'webhook', callSid, kind, url, params: { ...params } });
    const startedMs = monotonicMs();
    const token = randomUUID();
    const exchange = this.#exchange(request, token).catch(async (error: unknown) => {
      // The server let go of a pooled connection just then: nobody can tell, but by trying again.
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#exchange(request, token);
    });
    const answer = await exchange.catch((error: unknown) => ({
      status: 0,
      contentType: '',
      body: '',
      failure: error instanceof Error ? error.message : String(error),
    }));
    this.#log.add({
      what: 'webhook-answered',
      callSid,
      kind,
      url,
      status: answer.status,
      tookMs: monotonicMs() - startedMs,
      ...('failure' in answer ? { failure: answer.failure } : {}),
    });
    return answer;
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #exchange(request: WebhookRequest, idempotencyToken: string): Promise<WebhookAnswer> {
    const form = new URLSearchParams(request.params).toString();
    const isPost = request.method === 'POST';
    const signedUrl =
      isPost || form === ''
        ? request.url
        : `${request.url}${request.url.includes('?') ? '&' : '?'}${form}`;
    const url = new URL(signedUrl);
    const secure = url.protocol === 'https:';
    if (!secure && url.protocol !== 'http:') {
      return Promise.reject(new Error(`webhook URL has scheme ${url.protocol}`));
    }
    const signature = twilioSignature(this.#authToken, signedUrl, isPost ? request.params : {});
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)(url, {
        method: request.method,
        agent: secure ? this.#https : this.#http,
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
        headers: {
          'user-agent': 'TwilioProxy/1.1',
          accept: '*/*',
          'x-twilio-signature': signature,
          'i-twilio-idempotency-token': idempotencyToken,
          ...(isPost
            ? {
                'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
                'content-length': Buffer.byteLength(form),
              }
            : {}),
        },
      });
      outgoing.once('error', (error: NodeJS.ErrnoException) => {
        const isStale = outgoing.reusedSocket && STALE_CODES.has(error.code ?? '');
        reject(isStale ? new StaleConnection() : error);
      });
      outgoing.once('response', (response) => {
        readBody(response).then(
          (body) =>
            resolve({
              status: response.statusCode ?? 0,
              contentType: response.headers['content-type'] ?? '',
              body,
            }),
          reject,
        );
      });
      outgoing.end(isPost ? form : undefined);
    });
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error(`answer is longer than ${MAX_BODY_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
