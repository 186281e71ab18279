/** What the carrier's callbacks mean, one handler for each path. Each may be asked twice. */
import { z } from 'zod';
import { meaningOfMessage } from '../src/companion/message-meaning.ts';
import type { Logger } from '../src/log.ts';
import type { DurableWriter } from '../src/store/durable-writer.ts';
import type { DurableWrite } from '../src/store/durable-writes.ts';
import type { Calls } from './calls.ts';
import type { WebhookHandler } from './webhooks.ts';

export type WebhookHandlersOptions = {
  readonly calls: Pick<Calls, 'over' | 'answeredBy'>;
  readonly log: Logger;
  /** Undefined: messages are not kept. */
  readonly writer: Pick<DurableWriter<DurableWrite>, 'write'> | undefined;
  /** Whoever is not to be called any more, from now on. */
  readonly withdraw: (phone: string) => void;
  /** Somebody has changed in the database. */
  readonly peopleChanged: () => Promise<void>;
};

const TERMINAL = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled']);

const callSid = z.string().regex(/^CA[0-9A-Za-z]{2,40}$/);
const statusForm = z.object({ CallSid: callSid, CallStatus: z.string().max(40) });
const streamStatusForm = z.object({
  CallSid: callSid,
  StreamEvent: z.string().max(40).default(''),
});
const amdForm = z.object({ CallSid: callSid, AnsweredBy: z.string().max(40) });
const messageForm = z.object({
  MessageSid: z.string().max(64),
  From: z.string().max(80),
  Body: z.string().max(16_000).default(''),
  NumMedia: z
    .string()
    .regex(/^\d{1,3}$/)
    .default('0'),
  OptOutType: z.string().max(20).optional(),
});

const BAD_FORM = { failed: 'bad-form' } as const;

/** By path. */
export function webhookHandlers(
  options: WebhookHandlersOptions,
): Readonly<Record<string, WebhookHandler>> {
  const { calls, log } = options;
  return {
    '/voice/status': {
      isLive: true,
      act: (fields) => {
        const form = statusForm.safeParse(fields);
        if (!form.success) return BAD_FORM;
        const { CallSid: sid, CallStatus: callStatus } = form.data;
        log.info('call status', { callSid: sid, callStatus });
        // Callbacks overtake one another; the only one that changes anything is the last of a call.
        if (TERMINAL.has(callStatus)) calls.over(sid);
        return 'done';
      },
    },
    '/voice/stream-status': {
      isLive: true,
      act: (fields) => {
        const form = streamStatusForm.safeParse(fields);
        if (!form.success) return BAD_FORM;
        const { CallSid: sid, StreamEvent: state } = form.data;
        // The socket itself tells how a stream fares; this is the only place that shows failed upgrades.
        if (state === 'stream-error') log.error('stream error at the carrier', { callSid: sid });
        else log.info('stream status', { callSid: sid, state });
        return 'done';
      },
    },
    '/voice/amd': {
      isLive: true,
      act: (fields) => {
        const form = amdForm.safeParse(fields);
        if (!form.success) return BAD_FORM;
        const { CallSid: sid, AnsweredBy: answeredBy } = form.data;
        log.info('call answered', { callSid: sid, answeredBy });
        calls.answeredBy(sid, answeredByOf(answeredBy));
        return 'done';
      },
    },
    '/messages/inbound': messageHandler(options),
  };
}

function messageHandler(options: WebhookHandlersOptions): WebhookHandler {
  const { log, writer, withdraw, peopleChanged } = options;
  return {
    isLive: false,
    act: async (fields, { receivedAtMs }) => {
      const form = messageForm.safeParse(fields);
      if (!form.success) return BAD_FORM;
      const { MessageSid: messageKey, From: from, Body: body, OptOutType: optOut } = form.data;
      const meaning = meaningOfMessage(body, optOut);
      log.info('message received', { messageSid: messageKey, what: meaning });
      if (meaning === 'stop') withdraw(from);
      const mediaCount = Number(form.data.NumMedia);
      const message = { messageKey, from, body, meaning, mediaCount, receivedAtMs };
      const kept = await writer?.write({ kind: 'message', message });
      if (kept === 'refused') return { again: 'not-kept' };
      if (kept === 'set-aside') return { failed: 'set-aside' };
      if (meaning === 'stop' && kept === 'database') await peopleChanged();
      return 'done';
    },
  };
}

function answeredByOf(answeredBy: string): 'human' | 'machine' | 'fax' | 'unknown' {
  if (answeredBy === 'human' || answeredBy === 'fax') return answeredBy;
  return answeredBy.startsWith('machine') ? 'machine' : 'unknown';
}
