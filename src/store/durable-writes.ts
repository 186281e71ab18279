/** The writes that must not be lost, and how each is applied. Twice is the same as once. */
import type { Sealer } from './sealed-text.ts';
import { type AlertRecord, alertsIn } from './sql/alerts.ts';
import { type CallFacts, conversationsIn, type TurnRecord } from './sql/conversations.ts';
import { type MessageRecord, messagesIn } from './sql/messages.ts';
import type { ScopedTransaction } from './sql/scoped-transaction.ts';
import { type IncomingWebhook, webhookEventsIn } from './sql/webhook-events.ts';

/** Plain data: it is written to the spool as JSON. */
export type DurableWrite =
  | { readonly kind: 'conversation-started'; readonly call: CallFacts }
  | { readonly kind: 'turn'; readonly call: CallFacts; readonly turn: TurnRecord }
  | {
      readonly kind: 'conversation-resumed';
      readonly call: CallFacts;
      readonly resumeCount: number;
    }
  | {
      readonly kind: 'conversation-ended';
      readonly call: CallFacts;
      /** Unix milliseconds. */
      readonly endedAtMs: number;
      readonly reason: string;
      /** As far as whoever ends it knows: a fence against one who has lost the call to another. */
      readonly resumeCount?: number | undefined;
    }
  | { readonly kind: 'alert'; readonly call: CallFacts; readonly alert: AlertRecord }
  /** The call is not over and not ours any more: what there is of it is worth remembering. */
  | { readonly kind: 'memories-due'; readonly call: CallFacts }
  /** The line gave the call up, or lost it: whoever was on it should be called back. */
  | { readonly kind: 'call-back-due'; readonly call: CallFacts }
  | { readonly kind: 'webhook'; readonly webhook: IncomingWebhook }
  /** A text message; one that says stop takes its sender's consent back. */
  | { readonly kind: 'message'; readonly message: MessageRecord };

/**
 * What follows from a write the first time it is applied, in the same transaction: enqueueing jobs.
 * `memoriesDue` and `callBackDue` follow each time, and must be the same twice as once. Whatever these
 * throw undoes the write, which is then tried again or set aside.
 */
export type DurableWriteHooks = {
  readonly conversationEnded?: (tx: ScopedTransaction, call: CallFacts) => Promise<void>;
  readonly alertRaised?: (
    tx: ScopedTransaction,
    call: CallFacts,
    alert: AlertRecord,
  ) => Promise<void>;
  /** Something was said, and comes to be known when the conversation has ended: a spool was late. */
  readonly turnAfterEnd?: (tx: ScopedTransaction, call: CallFacts) => Promise<void>;
  readonly memoriesDue?: (tx: ScopedTransaction, call: CallFacts) => Promise<void>;
  readonly callBackDue?: (tx: ScopedTransaction, call: CallFacts) => Promise<void>;
  readonly webhookRecorded?: (tx: ScopedTransaction, eventId: string) => Promise<void>;
};

export function laneOf(write: DurableWrite): string {
  switch (write.kind) {
    case 'webhook':
      return write.webhook.eventKey;
    case 'message':
      return write.message.messageKey;
    default:
      return write.call.callSid;
  }
}

export function durableWritesIn(sealer: Sealer, hooks: DurableWriteHooks = {}) {
  const conversations = conversationsIn(sealer);
  const alerts = alertsIn(sealer);
  const webhooks = webhookEventsIn(sealer);
  const messages = messagesIn(sealer);
  return async function apply(tx: ScopedTransaction, write: DurableWrite): Promise<void> {
    switch (write.kind) {
      case 'conversation-started':
        await conversations.start(tx, write.call);
        return;
      case 'turn':
        if (await conversations.putTurn(tx, write.call, write.turn)) {
          await hooks.turnAfterEnd?.(tx, write.call);
        }
        return;
      case 'conversation-resumed':
        await conversations.resumed(tx, write.call, write.resumeCount);
        return;
      case 'conversation-ended': {
        const { call, endedAtMs, reason, resumeCount } = write;
        const first = await conversations.end(tx, call, endedAtMs, reason, resumeCount);
        if (first) await hooks.conversationEnded?.(tx, write.call);
        return;
      }
      case 'alert': {
        const first = await alerts.raise(tx, write.call, write.alert);
        if (first) await hooks.alertRaised?.(tx, write.call, write.alert);
        return;
      }
      case 'memories-due':
        await conversations.start(tx, write.call);
        await hooks.memoriesDue?.(tx, write.call);
        return;
      case 'call-back-due':
        // Behind the end of the call: one that goes on elsewhere has not ended.
        if ((await conversations.byCallSid(tx, write.call.callSid))?.state !== 'ended') return;
        await hooks.callBackDue?.(tx, write.call);
        return;
      case 'webhook': {
        const { eventId, isNew } = await webhooks.record(tx, write.webhook);
        if (isNew && write.webhook.isAnswered !== true) await hooks.webhookRecorded?.(tx, eventId);
        return;
      }
      case 'message':
        await messages.put(tx, write.message);
        return;
    }
  };
}
