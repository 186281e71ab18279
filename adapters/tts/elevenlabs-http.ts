import type { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
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
import { ELEVENLABS_MODEL, languageCode, voiceSettings } from './elevenlabs-socket.ts';
import type { ElevenLabsConfig } from './elevenlabs-socket.ts';
import { createHttpSession } from './http-session.ts';
import type { HttpVoice } from './http-session.ts';
import type { TtsOptions, TtsVendor } from './port.ts';

export type ElevenLabsHttp = TtsVendor & {
  /**
   * Loads the SDK ahead of need. It takes one to five seconds and blocks the process meanwhile, so
   * call it at start, before calls are accepted. `open` does it otherwise.
   */
  load(): Promise<void>;
  /** Destroys the pooled connections. */
  shutDown(): void;
};

/**
 * ElevenLabs by HTTP: one request for each `say`, in order, no word timings. The step below the
 * socket: slower to start, but it needs no connection that lives as long as the call.
 */
export function createElevenLabsHttp(config: ElevenLabsConfig): ElevenLabsHttp {
  const pool = createKeepAliveFetch(KEEP_ALIVE);
  let loading: Promise<ElevenLabsClient> | undefined;
  const load = async (): Promise<ElevenLabsClient> => {
    const sdk = await import('@elevenlabs/elevenlabs-js');
    return new sdk.ElevenLabsClient({
      apiKey: config.apiKey,
      ...(config.baseUrl === undefined ? {} : { baseUrl: config.baseUrl }),
      maxRetries: 0,
      fetch: pool.fetch,
    });
  };
  const client = async (): Promise<ElevenLabsClient> => (loading ??= load());
  return {
    vendor: 'elevenlabs-http',
    open: async (options) => {
      const loaded = await client();
      const synthesise = synthesiser(loaded, config, options);
      const voice = { vendor: 'elevenlabs-http', synthesise, errorOf: vendorErrorOf } as const;
      return createHttpSession(voice, options);
    },
    load: async () => {
      await client();
    },
    shutDown: () => pool.close(),
  };
}

function synthesiser(
  client: ElevenLabsClient,
  config: ElevenLabsConfig,
  options: TtsOptions,
): HttpVoice['synthesise'] {
  const { speed, ...settings } = voiceSettings(options.speed);
  return async (text, before, signal) =>
    client.textToSpeech.stream(
      options.voiceId,
      {
        text,
        modelId: config.model ?? ELEVENLABS_MODEL,
        languageCode: languageCode(options.language),
        outputFormat: 'ulaw_8000',
        voiceSettings: {
          stability: settings.stability,
          similarityBoost: settings.similarity_boost,
          speed,
        },
        ...(before === '' ? {} : { previousText: before }),
      },
      { maxRetries: 0, abortSignal: signal },
    );
}

function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('elevenlabs-http', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

function vendorErrorOf(error: unknown): VendorError {
  const status = isRecord(error) ? error['statusCode'] : undefined;
  if (isRecord(error) && typeof status === 'number') {
    const isQuota = detailOf(error['body']) === 'quota_exceeded';
    return new VendorError('elevenlabs-http', isQuota ? 'rate-limited' : failureOfStatus(status), {
      status,
      retryAfterMs: retryAfterMsOf(retryAfterOf(error['rawResponse'])),
      cause: safeCause(error),
    });
  }
  if (error instanceof RangeError) return failed('garbage', error);
  const code = networkCodeOf(error);
  return failed(code?.startsWith('HPE_') === true ? 'garbage' : 'unreachable', error);
}

/** The vendor's own code in `{detail: {status}}`. */
function detailOf(body: unknown): unknown {
  const detail = isRecord(body) ? body['detail'] : undefined;
  return isRecord(detail) ? detail['status'] : undefined;
}

function retryAfterOf(response: unknown): string | null {
  const headers = isRecord(response) ? response['headers'] : undefined;
  return headers instanceof Headers ? headers.get('retry-after') : null;
}
