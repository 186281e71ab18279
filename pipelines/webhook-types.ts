/** The shapes between those who take the carrier's callbacks, keep them, and act upon them. */
import type { Logger } from '../src/log.ts';
import type { DurableWriter, Kept } from '../src/store/durable-writer.ts';
import type { DurableWrite } from '../src/store/durable-writes.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import type { Database } from '../src/store/sql/database.ts';
import type {
  IncomingWebhook,
  WebhookEvents,
  WebhookRef,
} from '../src/store/sql/webhook-events.ts';

/** 'again': not now; `failed`: never, until somebody replays it. Both with a short code. */
export type WebhookOutcome = 'done' | { readonly again: string } | { readonly failed: string };

export type WebhookHandler = {
  /**
   * It acts on a live call: what has been acted on while the database was away is not acted on again.
   * Others write what is durable themselves, and may be asked again at any time.
   */
  readonly isLive: boolean;
  act(
    /** The form's fields. */
    fields: Readonly<Record<string, string>>,
    event: Pick<IncomingWebhook, 'eventKey'> & { readonly receivedAtMs: number },
  ): WebhookOutcome | Promise<WebhookOutcome>;
};

export type WebhookInboxOptions = {
  /** Undefined: nothing is kept, and the session store alone says what is new. */
  readonly kept:
    | {
        readonly database: Pick<Database, 'withScope'>;
        readonly writer: Pick<DurableWriter<DurableWrite>, 'write'>;
        readonly webhooks: WebhookEvents;
      }
    | undefined;
  readonly session: Pick<SessionStore, 'seenOnce'>;
  /** By path. */
  readonly handlers: Readonly<Record<string, WebhookHandler>>;
  readonly instance: string;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly wallMs?: () => number;
  readonly sweepEveryMs?: number;
};

/** 'elsewhere': another instance has it, or it is finished. 'later': the database could not be asked. */
export type Processed = Act | 'elsewhere' | 'later';

export type Act = 'done' | 'again' | 'failed';

/** Where a callback is; 'nowhere': there is nothing to keep it in. */
export type KeptWebhook = Kept | 'nowhere';

export type WebhookInbox = {
  /**
   * Keeps a callback and has it acted upon, which is not waited for. Never rejects. Resolves when the
   * callback is safe, in milliseconds as a rule; 'refused' where it could not be kept, when it is
   * acted upon all the same.
   */
  take(webhook: IncomingWebhook): Promise<KeptWebhook>;
  /** Keeps a webhook whose answer was all that it asked for. Waits for nothing. */
  record(webhook: IncomingWebhook): void;
  /** Acts on what is in the database. Never rejects. */
  process(which: WebhookRef): Promise<Processed>;
  /** Takes up what was left behind. @returns how many were finished; rejects with the database. */
  sweep(): Promise<number>;
  /** What this instance has acted upon since its start, by outcome. */
  acts(): Readonly<Record<Act, number>>;
  /** Begins to sweep now and then. */
  start(): void;
  /** Sweeps no more; resolves when nothing is under way, or soon: what is left, others take up. */
  close(): Promise<void>;
};
