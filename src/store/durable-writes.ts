/** The writes that must not be lost, and how each is applied. Twice is the same as once. */
import type { Sealer } from './sealed-text.ts';
import { type AlertRecord, alertsIn } from './sql/alerts.ts';
import type {
  CallFacts,
  ConversationEnd,
  Resumption,
  StoredConversation,
  TurnRecord,
} from './sql/conversation-types.ts';
import { conversationsIn, storedReason } from './sql/conversations.ts';
import { type MessageRecord, messagesIn } from './sql/messages.ts';
import type { ScopedTransaction } from './sql/scoped-transaction.ts';
import { type IncomingWebhook, webhookEventsIn } from './sql/webhook-events.ts';

/** Plain data: it is written to the spool as JSON. */
export type DurableWrite =
  | { readonly kind: 'conversation-started'; readonly call: CallFacts }
  | { readonly kind: 'turn'; readonly call: CallFacts; readonly turn: TurnRecord }
  | ({ readonly kind: 'conversation-resumed'; readonly call: CallFacts } & Resumption)
  /** Carries a fence against one who has lost the call to another. */
  | ({ readonly kind: 'conversation-ended'; readonly call: CallFacts } & ConversationEnd)
  | { readonly kind: 'alert'; readonly call: CallFacts; readonly alert: AlertRecord }
  /** The call is not over and not ours any more: what there is of it is worth remembering. */
  | { readonly kind: 'memories-due'; readonly call: CallFacts }
  /** The line gave the call up, or lost it: whoever was on it should be called back. */
  | {
      readonly kind: 'call-back-due';
      readonly call: CallFacts;
      /** The end that its writer has written. Left out by earlier versions: any end will do. */
      readonly end?: Pick<ConversationEnd, 'endedAtMs' | 'reason'> | undefined;
    }
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
        await conversations.resumed(tx, write.call, write);
        return;
      case 'conversation-ended': {
        const first = await conversations.end(tx, write.call, write);
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
      case 'call-back-due': {
        const stored = await conversations.byCallSid(tx, write.call.callSid);
        if (stored && isEndOf(stored, write.end)) await hooks.callBackDue?.(tx, write.call);
        return;
      }
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

/**
 * One that goes on elsewhere has not ended; and one that had ended in another way, as with a goodbye,
 * was not lost, whatever it looked like to whoever found it.
 */
function isEndOf(
  stored: Pick<StoredConversation, 'state' | 'endedAtMs' | 'endReason'>,
  end: Pick<ConversationEnd, 'endedAtMs' | 'reason'> | undefined,
): boolean {
  if (stored.state !== 'ended') return false;
  if (end === undefined) return true;
  return stored.endedAtMs === end.endedAtMs && stored.endReason === storedReason(end.reason);
}
