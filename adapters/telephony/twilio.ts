import type { Twilio } from 'twilio';
import type { RequestOptions } from 'twilio/lib/base/RequestClient.js';
import { VendorError } from '../../src/errors.ts';
import {
  failureOfStatus,
  isRecord,
  networkCodeOf,
  retryAfterMsOf,
  safeCause,
} from '../vendor-failure.ts';
import type { PlaceCallRequest, TelephonyVendor } from './port.ts';

export type TwilioConfig = {
  /** Begins with 'AC'. */
  readonly accountSid: string;
  readonly authToken: string;
  /** Our own number, E.164: the caller of every call and the sender of every message. */
  readonly phoneNumber: string;
  /** e.g. 'http://127.0.0.1:9004'; undefined means the vendor. */
  readonly baseUrl?: string | undefined;
  /** Longest wait for one request. */
  readonly timeoutMs?: number | undefined;
};

const DEFAULT_TIMEOUT_MS = 10_000;
/** Not found, and "call is not in-progress": the call is over in both cases. */
const ALREADY_OVER = new Set([20404, 21220]);

export type TwilioLine = TelephonyVendor & {
  /** Lets go of requests under way; they fail as `unreachable`. */
  close(): void;
};

/** Twilio's REST API. Loads the SDK (about 0.2 s) once, here. */
export async function createTwilio(config: TwilioConfig): Promise<TwilioLine> {
  const abort = new AbortController();
  const client = await createClient(config, abort.signal);
  const end = async (callSid: string, status: 'completed' | 'canceled'): Promise<void> => {
    try {
      await client.calls(callSid).update({ status });
    } catch (error) {
      if (!ALREADY_OVER.has(restCodeOf(error) ?? 0)) throw vendorErrorOf(error);
    }
  };
  return {
    close: () => abort.abort(),
    placeCall: async (request) => {
      const call = await attempt(async () => client.calls.create(callOptions(config, request)));
      // The SDK takes any JSON for a call, whatever its types say; this one could not be addressed.
      const sid: unknown = call.sid;
      if (typeof sid !== 'string' || !/^CA[0-9a-zA-Z]+$/.test(sid))
        throw new VendorError('twilio', 'garbage');
      return sid;
    },
    hangUp: async (callSid) => end(callSid, 'completed'),
    cancel: async (callSid) => end(callSid, 'canceled'),
    redirect: async (callSid, url) => {
      try {
        await client.calls(callSid).update({ url, method: 'POST' });
      } catch (error) {
        const known = vendorErrorOf(error);
        if (!ALREADY_OVER.has(restCodeOf(error) ?? 0)) throw known;
        throw new VendorError('twilio', 'gone', { status: known.status, cause: known.cause });
      }
    },
    sendSms: async (to, body) => {
      await attempt(async () => client.messages.create({ to, from: config.phoneNumber, body }));
    },
  };
}

function callOptions(
  config: TwilioConfig,
  request: PlaceCallRequest,
): Parameters<Twilio['calls']['create']>[0] {
  return {
    to: request.to,
    from: config.phoneNumber,
    url: request.answerUrl,
    method: 'POST',
    statusCallback: request.statusUrl,
    statusCallbackMethod: 'POST',
    statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
    // Async, so that a person who answers is greeted at once and not after the detection.
    machineDetection: 'DetectMessageEnd',
    asyncAmd: 'true',
    asyncAmdStatusCallback: request.amdUrl,
    asyncAmdStatusCallbackMethod: 'POST',
    timeout: request.ringTimeoutSeconds,
    timeLimit: request.timeLimitSeconds,
  };
}

async function createClient(config: TwilioConfig, signal: AbortSignal): Promise<Twilio> {
  const [{ default: twilio }, { default: RequestClient }] = await Promise.all([
    import('twilio'),
    import('twilio/lib/base/RequestClient.js'),
  ]);
  const base = config.baseUrl === undefined ? undefined : new URL(config.baseUrl);
  const timeout = config.timeoutMs ?? DEFAULT_TIMEOUT_MS;

  /** Sends every product's requests to the configured base; the SDK has no setting for it. */
  class RebasedClient extends RequestClient {
    constructor() {
      // A few requests in a call: a pooled connection would mostly be found dead, and outlive us.
      super({ timeout, keepAlive: false });
      this.axios.defaults.signal = signal;
    }

    override async request<T>(options: RequestOptions<T>) {
      const url = new URL(options.uri);
      if (base !== undefined) {
        url.protocol = base.protocol;
        url.host = base.host;
      }
      return await super.request<T>({ ...options, uri: url.href, timeout });
    }
  }

  return twilio(config.accountSid, config.authToken, {
    httpClient: new RebasedClient(),
    // A repeated request could ring a second time.
    autoRetry: false,
  });
}

async function attempt<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw vendorErrorOf(error);
  }
}

/** Twilio's own error code, where the error is Twilio's. */
function restCodeOf(error: unknown): number | undefined {
  return isRecord(error) && typeof error['code'] === 'number' ? error['code'] : undefined;
}

/** The SDK throws RestException for answers and raw AxiosErrors for everything else. */
function vendorErrorOf(error: unknown): VendorError {
  if (isRecord(error) && typeof error['status'] === 'number') {
    const { status } = error;
    return new VendorError('twilio', failureOfStatus(status), {
      status,
      retryAfterMs: retryAfterMsOf(retryAfterOf(error)),
      cause: safeCause(error),
    });
  }
  const code = networkCodeOf(error);
  if (code === 'ECONNABORTED' || code === 'ETIMEDOUT') {
    return new VendorError('twilio', 'no-first-byte', { cause: safeCause(error) });
  }
  if (error instanceof SyntaxError || code?.startsWith('HPE_') === true) {
    return new VendorError('twilio', 'garbage', { cause: safeCause(error) });
  }
  return new VendorError('twilio', code === undefined ? 'garbage' : 'unreachable', {
    cause: safeCause(error),
  });
}

function retryAfterOf(error: Record<string, unknown>): string | undefined {
  const { response } = error;
  const headers = isRecord(response) ? response['headers'] : undefined;
  const value = isRecord(headers) ? headers['retry-after'] : undefined;
  return typeof value === 'string' ? value : undefined;
}
