import type { Vendor } from '../src/errors.ts';
import type { LlmVendor } from './llm/port.ts';
import type { SttVendor } from './stt/port.ts';
import type { TelephonyVendor } from './telephony/port.ts';
import type { TtsVendor } from './tts/port.ts';

/**
 * Something that is loaded once, when it is first asked for or when there is time for it. Vendors'
 * SDKs take 0.1 s and more each: the server listens before they are loaded, and whoever needs one
 * earlier than that waits for just that one.
 */
export class Late<T> {
  readonly #load: () => Promise<T>;
  #loading: Promise<T> | undefined;
  #value: T | undefined;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** The value where it is there already. */
  get loaded(): T | undefined {
    return this.#value;
  }

  /** Rejects when it cannot be loaded, now and ever after. */
  async get(): Promise<T> {
    this.#loading ??= this.#load().then((value) => (this.#value = value));
    return await this.#loading;
  }
}

export function lateStt(vendor: Vendor, late: Late<SttVendor>): SttVendor {
  return { vendor, open: async (options) => await (await late.get()).open(options) };
}

export function lateTts(vendor: Vendor, late: Late<TtsVendor>): TtsVendor {
  return { vendor, open: async (options) => await (await late.get()).open(options) };
}

export function lateLlm(vendor: Vendor, late: Late<LlmVendor>): LlmVendor {
  return {
    vendor,
    // Once it is there, its own stream is handed out: no layer for every token to pass.
    stream: (request) => late.loaded?.stream(request) ?? streamLate(late, request),
    prewarm: async (system, tools) => await (await late.get()).prewarm?.(system, tools),
  };
}

async function* streamLate(
  late: Late<LlmVendor>,
  request: Parameters<LlmVendor['stream']>[0],
): ReturnType<LlmVendor['stream']> {
  yield* (await late.get()).stream(request);
}

export function lateTelephony(late: Late<TelephonyVendor>): TelephonyVendor {
  return {
    placeCall: async (request) => await (await late.get()).placeCall(request),
    hangUp: async (callSid) => await (await late.get()).hangUp(callSid),
    cancel: async (callSid) => await (await late.get()).cancel(callSid),
    redirect: async (callSid, url) => await (await late.get()).redirect(callSid, url),
    sendSms: async (to, body) => await (await late.get()).sendSms(to, body),
  };
}
