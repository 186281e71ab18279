import { setTimeout as sleep } from 'node:timers/promises';
import { commonParams, rfc2822, type CallIdentity } from './call-params.ts';
import type { CallbackStatus, StatusCallbackEvent, TwilioScript } from './types.ts';
import type { WebhookClient } from './webhooks.ts';

/** A callback waits this long for the answer to the one before it; then it overtakes. */
const IN_ORDER_WAIT_MS = 1_000;
const MAX_COPIES = 10;

export type StatusCallbackTarget = {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly events: readonly StatusCallbackEvent[];
};

/**
 * The status callbacks of one call. They leave one after another, as on a quiet day; the script
 * can delay, drop and repeat each of them, which reorders them, since Twilio promises no order.
 */
export class StatusCallbacks {
  readonly #call: CallIdentity;
  readonly #target: StatusCallbackTarget | undefined;
  readonly #script: TwilioScript;
  readonly #webhooks: WebhookClient;
  readonly #own: (work: Promise<unknown>) => void;
  #sequenceNumber = 0;
  #previous: Promise<unknown> = Promise.resolve();

  constructor(options: {
    call: CallIdentity;
    target: StatusCallbackTarget | undefined;
    script: TwilioScript;
    webhooks: WebhookClient;
    own: (work: Promise<unknown>) => void;
  }) {
    this.#call = options.call;
    this.#target = options.target;
    this.#script = options.script;
    this.#webhooks = options.webhooks;
    this.#own = options.own;
  }

  /** Sends the callback if the server asked for the event. `seconds`: length of a finished call. */
  fire(event: StatusCallbackEvent, status: CallbackStatus, seconds?: number): void {
    const target = this.#target;
    if (!target?.events.includes(event)) return;
    const params: Record<string, string> = {
      ...commonParams(this.#call, status),
      Timestamp: rfc2822(new Date()),
      CallbackSource: 'call-progress-events',
      SequenceNumber: String(this.#sequenceNumber),
    };
    this.#sequenceNumber += 1;
    if (seconds !== undefined) {
      params['CallDuration'] = String(seconds);
      params['Duration'] = String(Math.ceil(seconds / 60));
    }
    if (event === 'completed') params['SipResponseCode'] = SIP_CODES[status] ?? '200';
    const route = this.#script.statusCallbacks(event, this.#call.sid);
    const copies = Math.min(route.copies ?? 1, MAX_COPIES);
    const send = async (): Promise<void> => {
      for (let copy = 0; copy < copies; copy += 1) {
        await this.#webhooks.send({
          callSid: this.#call.sid,
          kind: 'status',
          url: target.url,
          method: target.method,
          params,
        });
      }
    };
    if (route.delayMs !== undefined && route.delayMs > 0) {
      this.#own(sleep(route.delayMs).then(send));
      return;
    }
    const turn = Promise.race([this.#previous, sleep(IN_ORDER_WAIT_MS)]).then(send);
    this.#previous = turn;
    this.#own(turn);
  }
}

const SIP_CODES: Partial<Record<CallbackStatus, string>> = {
  completed: '200',
  busy: '486',
  'no-answer': '487',
  canceled: '487',
  failed: '404',
};
