import { VendorError, type Vendor, type VendorFailure } from '../src/errors.ts';
import type { Breaker, Permit } from './breaker.ts';
import type { RequestBreaker } from './request-breaker.ts';
import type { LlmEvent, LlmRequest, LlmVendor } from './llm/port.ts';
import type { SttEvent, SttSession, SttVendor } from './stt/port.ts';
import type { TelephonyVendor } from './telephony/port.ts';
import type { TtsEvent, TtsSession, TtsVendor } from './tts/port.ts';

/**
 * The vendors of each port behind a breaker. What fails fast does so with `breaker-open`, in the
 * same place where the vendor itself would have failed.
 */

/**
 * Success: the session judged some audio. One that opens and then judges nothing is no recogniser:
 * it has failed when its listener gives it up for that, and is a cancellation where the call ends
 * first. A listener's complaint about a session that did judge may be its caller's noise: it does
 * not count.
 */
export function guardStt(vendor: SttVendor, breaker: Breaker): SttVendor {
  return {
    vendor: vendor.vendor,
    open: async (options) => {
      const permit = breaker.enter();
      const ear = new GuardedEar(permit);
      const session = await watched(permit, async () =>
        vendor.open({
          ...options,
          onEvent: (event) => {
            ear.take(event);
            options.onEvent(event);
          },
        }),
      );
      return ear.guard(session);
    },
  };
}

class GuardedEar {
  readonly #permit: Permit;
  #hasJudged = false;

  constructor(permit: Permit) {
    this.#permit = permit;
  }

  take(event: SttEvent): void {
    if (event.kind === 'failed') this.#permit.failed(event.error);
    else this.#proved();
  }

  guard(session: SttSession): SttSession {
    const look = (): void => {
      if (!this.#hasJudged && session.judgedMs > 0) this.#proved();
    };
    return {
      vendor: session.vendor,
      get judgedMs() {
        return session.judgedMs;
      },
      sendAudio: (mulaw, inPause) => {
        look();
        session.sendAudio(mulaw, inPause);
      },
      configure: (settings) => session.configure(settings),
      close: (because) => {
        look();
        this.#close(session.vendor, because);
        session.close();
      },
    };
  }

  #proved(): void {
    this.#hasJudged = true;
    this.#permit.succeeded();
  }

  #close(vendor: Vendor, because: VendorFailure | undefined): void {
    const isUseless = because !== undefined && !this.#hasJudged;
    if (isUseless) this.#permit.failed(new VendorError(vendor, because));
    else this.#permit.cancelled();
  }
}

/** Success: the first content. Leaving a stream before that is a cancellation. */
export function guardLlm(vendor: LlmVendor, breaker: Breaker): LlmVendor {
  return {
    vendor: vendor.vendor,
    stream: (request) => guardedStream(vendor, breaker, request),
    prewarm: async (system, tools) => {
      // What nobody waits for is no probe, and is not sent to a vendor that is down.
      if (breaker.status().state === 'closed') await vendor.prewarm?.(system, tools);
    },
  };
}

async function* guardedStream(
  vendor: LlmVendor,
  breaker: Breaker,
  request: LlmRequest,
): AsyncGenerator<LlmEvent, void, undefined> {
  const permit = breaker.enter();
  try {
    for await (const event of vendor.stream(request)) {
      permit.succeeded();
      yield event;
    }
  } catch (error) {
    if (error instanceof VendorError) permit.failed(error);
    throw error;
  } finally {
    permit.cancelled();
  }
}

/**
 * Success: the first audio of an utterance. An utterance begun while the breaker is open fails at
 * once, so that a session opened in good times does not wait for a vendor known to be down.
 */
export function guardTts(vendor: TtsVendor, breaker: Breaker): TtsVendor {
  return {
    vendor: vendor.vendor,
    open: async (options) => {
      const opening = breaker.enter();
      const utterances = new GuardedUtterances(breaker);
      let life = opening;
      const session = await watched(opening, async () =>
        vendor.open({
          ...options,
          onEvent: (event) => {
            if (event.kind === 'failed') {
              if (!utterances.fail(event.error)) life.failed(event.error);
            } else utterances.take(event);
            options.onEvent(event);
          },
        }),
      );
      // An open socket without a voice in it proves nothing yet, but it frees the probe.
      if (breaker.status().state !== 'closed') {
        opening.cancelled();
        life = breaker.observe();
      }
      return guardedSession(session, utterances, options.onEvent);
    },
  };
}

function guardedSession(
  session: TtsSession,
  utterances: GuardedUtterances,
  onEvent: (event: TtsEvent) => void,
): TtsSession {
  return {
    vendor: session.vendor,
    say: (utterance, text) => {
      const error = utterances.begin(utterance);
      if (error === undefined) session.say(utterance, text);
      else if (error !== 'ended') {
        queueMicrotask(() => {
          if (utterances.isRefused(utterance)) {
            onEvent({ kind: 'utterance-failed', utterance, error });
          }
        });
      }
    },
    finish: (utterance) => {
      if (!utterances.isRefused(utterance)) session.finish(utterance);
    },
    cancel: (utterance) => {
      utterances.cancel(utterance);
      session.cancel(utterance);
    },
    close: () => {
      utterances.clear();
      session.close();
    },
  };
}

/** Ids that are remembered after their end; they only grow within a call. */
const MAX_ENDED = 256;

/** The permits of a session's utterances, and which of them had none. */
class GuardedUtterances {
  readonly #breaker: Breaker;
  readonly #permits = new Map<number, Permit>();
  readonly #refused = new Set<number>();
  readonly #ended = new Set<number>();

  constructor(breaker: Breaker) {
    this.#breaker = breaker;
  }

  /** Undefined when the utterance may speak; the error when it has just been refused. */
  begin(utterance: number): VendorError | 'ended' | undefined {
    if (this.#ended.has(utterance)) return 'ended';
    if (this.#permits.has(utterance)) return undefined;
    try {
      this.#permits.set(utterance, this.#breaker.enter());
      return undefined;
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      this.#refused.add(utterance);
      this.#end(utterance);
      return error;
    }
  }

  isRefused(utterance: number): boolean {
    return this.#refused.has(utterance);
  }

  take(event: Exclude<TtsEvent, { kind: 'failed' }>): void {
    const permit = this.#permits.get(event.utterance);
    if (event.kind === 'audio') return permit?.succeeded();
    if (event.kind === 'said') return;
    if (event.kind === 'utterance-failed') permit?.failed(event.error);
    else permit?.cancelled();
    this.#end(event.utterance);
  }

  cancel(utterance: number): void {
    this.#permits.get(utterance)?.cancelled();
    this.#refused.delete(utterance);
    this.#end(utterance);
  }

  /**
   * The session broke. One lost connection is one failure, however many utterances it carried: the
   * newest answers for it, which is the probe if there is one. False when there was none.
   */
  fail(error: VendorError): boolean {
    const newest = [...this.#permits.values()].at(-1);
    newest?.failed(error);
    this.clear();
    return newest !== undefined;
  }

  clear(): void {
    for (const permit of this.#permits.values()) permit.cancelled();
    this.#permits.clear();
    this.#refused.clear();
  }

  #end(utterance: number): void {
    this.#permits.delete(utterance);
    this.#ended.add(utterance);
    if (this.#ended.size <= MAX_ENDED) return;
    const [oldest] = this.#ended;
    if (oldest === undefined) return;
    this.#ended.delete(oldest);
    this.#refused.delete(oldest);
  }
}

/** Success: any proper answer. A hang-up is never refused: a call that goes on costs and disturbs. */
export function guardTelephony(vendor: TelephonyVendor, breaker: RequestBreaker): TelephonyVendor {
  return {
    placeCall: async (request) => breaker.fire(async () => vendor.placeCall(request)),
    hangUp: async (callSid) => breaker.fire(async () => vendor.hangUp(callSid), { always: true }),
    cancel: async (callSid) => breaker.fire(async () => vendor.cancel(callSid), { always: true }),
    redirect: async (callSid, url) => breaker.fire(async () => vendor.redirect(callSid, url)),
    sendSms: async (to, body) => breaker.fire(async () => vendor.sendSms(to, body)),
  };
}

async function watched<T>(permit: Permit, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (error instanceof VendorError) permit.failed(error);
    else permit.cancelled();
    throw error;
  }
}
