import type { IncomingMessage } from 'node:http';
import { networkCodeOf } from './vendor-failure.ts';

// An `import` of it takes 40 ms: it brings Node's own fetch with it, which is not needed to start.
const http = process.getBuiltinModule('node:http');
const https = process.getBuiltinModule('node:https');

/**
 * A `fetch` for SDKs that keeps its connections warm between the turns of a call.
 *
 * Node's own fetch closes an idle connection after four seconds unless the server says otherwise,
 * so nearly every turn of a conversation would pay for a TLS handshake. This one keeps it for
 * `idleMs`. A request that dies on a pooled connection before any answer is sent once more on
 * a new one: the server had closed it while idle and never saw the request. A body that grows past
 * `maxResponseBytes` is an error.
 */
export type KeepAliveFetch = {
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** Destroys idle and busy connections. */
  close(): void;
};

export type KeepAliveFetchOptions = {
  readonly idleMs: number;
  readonly maxResponseBytes: number;
};

/** Below the idle timeouts of common load balancers, above the pause between two turns. */
export const KEEP_ALIVE: KeepAliveFetchOptions = {
  idleMs: 120_000,
  maxResponseBytes: 8 * 1_024 * 1_024,
};

/** Read ahead of the reader before the sender is made to wait. */
const BODY_BUFFER_BYTES = 64 * 1_024;

type Outgoing = {
  readonly url: URL;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
};

export function createKeepAliveFetch(options: KeepAliveFetchOptions): KeepAliveFetch {
  const agentOptions = { keepAlive: true, maxFreeSockets: 64, timeout: options.idleMs } as const;
  const agents = { http: new http.Agent(agentOptions), https: new https.Agent(agentOptions) };

  const send = async (out: Outgoing, isSecondTry: boolean): Promise<IncomingMessage> => {
    const isHttps = out.url.protocol === 'https:';
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const settings = {
        method: out.method,
        headers: out.headers,
        ...(out.signal === undefined ? {} : { signal: out.signal }),
      };
      const request = isHttps
        ? https.request(out.url, { ...settings, agent: agents.https })
        : http.request(out.url, { ...settings, agent: agents.http });
      request.once('response', resolve);
      request.on('error', (error) => {
        const diedIdle = request.reusedSocket && isConnectionLoss(error);
        if (diedIdle && !isSecondTry && out.signal?.aborted !== true) {
          send(out, true).then(resolve, reject);
        } else reject(error);
      });
      request.end(out.body);
    });
  };

  return {
    fetch: async (input, init = {}) =>
      toResponse(await send(outgoingOf(input, init), false), options.maxResponseBytes),
    close: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

function isConnectionLoss(error: Error): boolean {
  const code = networkCodeOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function outgoingOf(input: string | URL | Request, init: RequestInit): Outgoing {
  const body = init.body ?? undefined;
  if (body !== undefined && typeof body !== 'string') {
    if (!(body instanceof Uint8Array)) throw new TypeError('only text and bytes can be sent');
  }
  const headers = Object.fromEntries(new Headers(init.headers).entries());
  // Text stays text: a piece of Node's pool of buffers, held for a whole answer, holds 64 KB with it.
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  return {
    url: new URL(input instanceof Request ? input.url : input),
    method: init.method ?? 'GET',
    headers,
    body,
    signal: init.signal ?? undefined,
  };
}

function toResponse(message: IncomingMessage, maxBytes: number): Response {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  const status = message.statusCode ?? 0;
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  if (!hasBody) message.resume();
  return new Response(hasBody ? limited(message, maxBytes) : null, { status, headers });
}

/** The body as it comes, without a layer between: pulled by the reader, cut off past `maxBytes`. */
function limited(message: IncomingMessage, maxBytes: number): ReadableStream<Uint8Array> {
  let bytes = 0;
  let settled = false;
  return new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        const fail = (error: Error): void => {
          if (settled) return;
          settled = true;
          message.destroy();
          controller.error(error);
        };
        message.pause();
        message.on('data', (part: Buffer) => {
          if (settled) return;
          bytes += part.length;
          if (bytes > maxBytes) {
            return fail(new RangeError('the response is larger than allowed'));
          }
          controller.enqueue(part);
          if ((controller.desiredSize ?? 0) <= 0) message.pause();
        });
        message.once('end', () => {
          if (settled) return;
          settled = true;
          controller.close();
        });
        message.on('error', fail);
        message.once('close', () => fail(new Error('the response ended early')));
      },
      pull: () => void message.resume(),
      cancel: () => {
        settled = true;
        message.destroy();
      },
    },
    { highWaterMark: BODY_BUFFER_BYTES, size: (part) => part?.byteLength ?? 0 },
  );
}
