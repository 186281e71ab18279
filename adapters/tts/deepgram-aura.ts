import type { DeepgramClient } from '@deepgram/sdk';
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
import { createHttpSession } from './http-session.ts';
import type { HttpVoice } from './http-session.ts';
import type { TtsOptions, TtsVendor } from './port.ts';

export type AuraConfig = {
  readonly apiKey: string;
  /** Where the SDK is pointed; 'ws:' and 'wss:' are read as 'http:' and 'https:'. */
  readonly baseUrl?: string | undefined;
  /** Voice models by language, e.g. `{ en: 'aura-2-harmonia-en' }`; `AURA_VOICES` fills the gaps. */
  readonly voices?: Readonly<Record<string, string>> | undefined;
};

/**
 * Aura's voices are models, each of one language: the session's own `voiceId` is another vendor's.
 * Chosen from the vendor's list for calm and warmth. Other languages hear the English one.
 */
export const AURA_VOICES: Readonly<Record<string, string>> = {
  en: 'aura-2-harmonia-en',
  es: 'aura-2-estrella-es',
};

/** The vendor takes 0.7 to 1.5; below 0.9 its Spanish voices begin to stumble. */
const SPEED = { min: 0.7, minSpanish: 0.9, max: 1.5 };

export type DeepgramAura = TtsVendor & {
  /** Opens a connection so that the first sentence need not wait for one. Never rejects. */
  warm(): Promise<void>;
  /** Destroys the pooled connections. */
  shutDown(): void;
};

const WARM_TIMEOUT_MS = 5_000;
const VENDOR_URL = 'https://api.deepgram.com';

/**
 * Deepgram Aura by HTTP: one request for each `say`, in order, no word timings. The step below
 * ElevenLabs: another company's voice, over the account that listens anyway. Loads the SDK once,
 * here; a server that listens through Deepgram has loaded it already.
 */
export async function createDeepgramAura(config: AuraConfig): Promise<DeepgramAura> {
  const { DeepgramClient } = await import('@deepgram/sdk');
  const pool = createKeepAliveFetch(KEEP_ALIVE);
  const baseUrl = (config.baseUrl ?? VENDOR_URL).replace(/^ws/, 'http');
  const client = new DeepgramClient({
    apiKey: config.apiKey,
    baseUrl,
    maxRetries: 0,
    fetch: pool.fetch,
  });
  const voices = { ...AURA_VOICES, ...config.voices };
  return {
    vendor: 'deepgram-aura',
    open: async (options) => {
      const synthesise = synthesiser(client, voices, options);
      return createHttpSession({ vendor: 'deepgram-aura', synthesise, errorOf }, options);
    },
    warm: async () => {
      try {
        const signal = AbortSignal.timeout(WARM_TIMEOUT_MS);
        const response = await pool.fetch(baseUrl, { method: 'HEAD', signal });
        // Read to its end, so that the connection goes back to the pool.
        await response.arrayBuffer();
      } catch {
        // The first sentence will meet the same trouble, with its own deadline and error.
      }
    },
    shutDown: () => pool.close(),
  };
}

function synthesiser(
  client: DeepgramClient,
  voices: Readonly<Record<string, string>>,
  options: TtsOptions,
): HttpVoice['synthesise'] {
  const language = options.language.toLowerCase().split('-')[0] ?? 'en';
  const model = voices[language] ?? voices['en'] ?? '';
  const slowest = model.endsWith('-es') ? SPEED.minSpanish : SPEED.min;
  const speed = Math.min(SPEED.max, Math.max(slowest, options.speed));
  // The SDK's own timer would outlive a failed request; ours is the one that counts.
  const timeoutInSeconds = Math.ceil(options.firstByteTimeoutMs / 1_000) + 1;
  return async (text, _before, signal) => {
    const answer = await client.speak.v1.audio.generate(
      {
        text,
        model,
        encoding: 'mulaw',
        sample_rate: 8_000,
        container: 'none',
        ...(speed === 1 ? {} : { speed }),
      },
      { maxRetries: 0, timeoutInSeconds, abortSignal: signal },
    );
    const stream = answer.stream();
    if (stream === null) throw failed('empty');
    return stream;
  };
}

function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('deepgram-aura', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

function errorOf(error: unknown): VendorError {
  const status = isRecord(error) ? error['statusCode'] : undefined;
  if (isRecord(error) && typeof status === 'number') {
    return new VendorError('deepgram-aura', failureOfStatus(status), {
      status,
      retryAfterMs: retryAfterMsOf(retryAfterOf(error['rawResponse'])),
      cause: safeCause(error),
    });
  }
  if (error instanceof RangeError) return failed('garbage', error);
  const code = networkCodeOf(error);
  return failed(code?.startsWith('HPE_') === true ? 'garbage' : 'unreachable', error);
}

function retryAfterOf(response: unknown): string | null {
  const headers = isRecord(response) ? response['headers'] : undefined;
  return headers instanceof Headers ? headers.get('retry-after') : null;
}
