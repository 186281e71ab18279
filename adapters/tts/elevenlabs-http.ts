import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { createKeepAliveFetch, KEEP_ALIVE } from '../keep-alive-fetch.ts';
import {
  failureOfStatus,
  isRecord,
  networkCodeOf,
  retryAfterMsOf,
  safeCause,
} from '../vendor-failure.ts';
import {
  ELEVENLABS_MODEL,
  ELEVENLABS_URL,
  languageCode,
  voiceSettings,
} from './elevenlabs-socket.ts';
import type { ElevenLabsConfig } from './elevenlabs-socket.ts';
import { createHttpSession } from './http-session.ts';
import type { HttpVoice } from './http-session.ts';
import type { TtsOptions, TtsVendor } from './port.ts';

export type ElevenLabsHttp = TtsVendor & {
  /** Destroys the pooled connections. */
  shutDown(): void;
};

/** Bytes of an error's body that are looked at. */
const MAX_ERROR_BYTES = 4_096;

/**
 * ElevenLabs by HTTP: one request for each `say`, in order, no word timings. The step below the
 * socket: slower to start, but it needs no connection that lives as long as the call.
 *
 * One POST, made by hand: the vendor's SDK loads over 5,000 modules for it, which would take a
 * second or two of every start and 160 MB (docs/adr/0003).
 */
export function createElevenLabsHttp(config: ElevenLabsConfig): ElevenLabsHttp {
  const pool = createKeepAliveFetch(KEEP_ALIVE);
  return {
    vendor: 'elevenlabs-http',
    open: async (options) => {
      const synthesise = synthesiser(pool.fetch, config, options);
      const voice = { vendor: 'elevenlabs-http', synthesise, errorOf: vendorErrorOf } as const;
      return await Promise.resolve(createHttpSession(voice, options));
    },
    shutDown: () => pool.close(),
  };
}

function synthesiser(
  fetch: ReturnType<typeof createKeepAliveFetch>['fetch'],
  config: ElevenLabsConfig,
  options: TtsOptions,
): HttpVoice['synthesise'] {
  const url = new URL(config.baseUrl ?? ELEVENLABS_URL);
  url.protocol = url.protocol.replace(/^ws/, 'http');
  const voice = encodeURIComponent(options.voiceId);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/text-to-speech/${voice}/stream`;
  url.searchParams.set('output_format', 'ulaw_8000');
  const headers = { 'xi-api-key': config.apiKey, 'content-type': 'application/json' };
  return async (text, before, signal) => {
    const body = JSON.stringify({
      text,
      model_id: config.model ?? ELEVENLABS_MODEL,
      language_code: languageCode(options.language),
      voice_settings: voiceSettings(options.speed),
      ...(before === '' ? {} : { previous_text: before }),
    });
    const response = await fetch(url, { method: 'POST', headers, body, signal });
    if (!response.ok) throw await refusal(response);
    if (response.body === null) throw failed('empty');
    return response.body;
  };
}

/** The error that an HTTP status and the vendor's `{detail: {status}}` amount to. */
async function refusal(response: Response): Promise<VendorError> {
  const { status } = response;
  const isQuota = detailOf(await readStart(response)) === 'quota_exceeded';
  return new VendorError('elevenlabs-http', isQuota ? 'rate-limited' : failureOfStatus(status), {
    status,
    retryAfterMs: retryAfterMsOf(response.headers.get('retry-after')),
  });
}

/** The beginning of a body as JSON; undefined where it is none. */
async function readStart(response: Response): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const part of response.body ?? []) {
      text += decoder.decode(part, { stream: true });
      if (text.length > MAX_ERROR_BYTES) return undefined;
    }
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('elevenlabs-http', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

function vendorErrorOf(error: unknown): VendorError {
  if (error instanceof VendorError) return error;
  if (error instanceof RangeError) return failed('garbage', error);
  const code = networkCodeOf(error);
  return failed(code?.startsWith('HPE_') === true ? 'garbage' : 'unreachable', error);
}

/** The vendor's own code in `{detail: {status}}`. */
function detailOf(body: unknown): unknown {
  const detail = isRecord(body) ? body['detail'] : undefined;
  return isRecord(detail) ? detail['status'] : undefined;
}
