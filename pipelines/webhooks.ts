/**
 * What becomes of the carrier's callbacks: each is kept once, as it came, and acted upon once,
 * however often it comes, on however many instances.
 *
 * With the database there, its unique key says which copy is the first, and its claim says who acts.
 * Without it the copy waits in the spool, and the session store's mark says who acts, and a second
 * one that it worked; when the copy gets to the database, whoever claims it finds both, or acts again.
 * What an instance left behind is claimed by another one's sweep. So every handler may be asked twice
 * in the worst case (an owner that died between acting and writing it down), and must do the same as
 * once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../src/patience.ts';
import type { IncomingWebhook, WebhookEvent, WebhookRef } from '../src/store/sql/webhook-events.ts';
import type {
  Act,
  KeptWebhook,
  Processed,
  WebhookInbox,
  WebhookInboxOptions,
  WebhookOutcome,
} from './webhook-types.ts';

export type {
  WebhookHandler,
  WebhookInbox,
  WebhookInboxOptions,
  WebhookOutcome,
} from './webhook-types.ts';

/** Longer than Twilio repeats one, and than the database should ever be away. */
const SEEN_TTL_MS = 86_400_000;
const SWEEP_EVERY_MS = 10_000;
/** Whoever took it should be through with it after this. */
const LEFT_BEHIND_MS = 5_000;
const SWEEP_BATCH = 50;
/** Batches of one sweep; the rest waits for the next. */
const MAX_BATCHES = 20;
/** Tries of what may work later. */
const MAX_ATTEMPTS = 5;
/** Keys that this instance remembers having taken. */
const MAX_KNOWN = 10_000;
/** For what is under way when the process ends. */
const CLOSE_MS = 2_000;
/** Acted upon at once; what comes beyond them waits for the sweep. */
const MAX_UNDER_WAY = 500;

export function createWebhookInbox(options: WebhookInboxOptions): WebhookInbox {
  return new Inbox(options);
}

class Inbox implements WebhookInbox {
  readonly #options: WebhookInboxOptions;
  /** What was taken here, by its key; the same copy again gets the same answer. */
  readonly #known = new Map<string, Promise<KeptWebhook>>();
  /** What was acted upon here. */
  readonly #acted = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #acts: Record<Act, number> = { done: 0, again: 0, failed: 0 };
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WebhookInboxOptions) {
    this.#options = options;
  }

  async take(webhook: IncomingWebhook): Promise<KeptWebhook> {
    const key = keyOf(webhook);
    const known = this.#known.get(key);
    if (known !== undefined) return await known;
    const received = { ...webhook, receivedAtMs: webhook.receivedAtMs ?? this.#wallMs() };
    const keeping = this.#keep(received);
    remember(this.#known, key, keeping);
    const kept = await keeping;
    // A copy that comes later may find room.
    if (kept === 'refused') this.#known.delete(key);
    this.#own(this.#actOn(received, kept));
    return kept;
  }

  record(webhook: IncomingWebhook): void {
    const receivedAtMs = webhook.receivedAtMs ?? this.#wallMs();
    this.#own(this.#keep({ ...webhook, receivedAtMs, isAnswered: true }));
  }

  async process(which: WebhookRef): Promise<Processed> {
    const { kept, instance, log } = this.#options;
    if (kept === undefined) return 'later';
    let event: WebhookEvent | undefined;
    try {
      event = await kept.database.withScope({ kind: 'service' }, (tx) =>
        kept.webhooks.claim(tx, which, instance),
      );
    } catch {
      return 'later';
    }
    if (event === undefined) return 'elsewhere';
    const outcome = await this.#outcomeOf(event);
    const mayTryAgain = typeof outcome === 'object' && 'again' in outcome;
    const gaveUp = mayTryAgain && event.attempts >= MAX_ATTEMPTS;
    const claimed = event;
    try {
      await kept.database.withScope({ kind: 'service' }, async (tx) => {
        if (mayTryAgain && !gaveUp) await kept.webhooks.release(tx, claimed, outcome.again);
        else if (mayTryAgain) await kept.webhooks.finish(tx, claimed, { failed: outcome.again });
        else await kept.webhooks.finish(tx, claimed, outcome);
      });
    } catch {
      // The claim expires, and the next sweep asks again.
      return 'later';
    }
    if (outcome === 'done') return 'done';
    const { path: route, attempts: attempt } = event;
    const reason = mayTryAgain ? outcome.again : outcome.failed;
    log.error('webhook not processed', { route, attempt, reason });
    return mayTryAgain && !gaveUp ? 'again' : 'failed';
  }

  async sweep(): Promise<number> {
    const { kept } = this.#options;
    if (kept === undefined) return 0;
    let finished = 0;
    for (let batch = 0; batch < MAX_BATCHES && !this.#isClosed; batch += 1) {
      const ids = await kept.database.withScope({ kind: 'service' }, (tx) =>
        kept.webhooks.unfinished(tx, { limit: SWEEP_BATCH, waitingMs: LEFT_BEHIND_MS }),
      );
      let done = 0;
      for (const id of ids) {
        if (this.#isClosed) break;
        const outcome = await this.process(id);
        if (outcome === 'done' || outcome === 'failed') done += 1;
        if (outcome === 'later') return finished + done;
      }
      finished += done;
      // Nothing moved: what is there has to wait, or others have it.
      if (ids.length < SWEEP_BATCH || done === 0) break;
    }
    return finished;
  }

  acts(): Readonly<Record<Act, number>> {
    return this.#acts;
  }

  start(): void {
    if (this.#isClosed || this.#options.kept === undefined) return;
    const everyMs = this.#options.sweepEveryMs ?? SWEEP_EVERY_MS;
    // Instances that start together shall not ask together.
    const waitMs = everyMs * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => {
      // The writer says when the database is away.
      this.#own(
        this.sweep()
          .catch(() => 0)
          .then(() => this.start()),
      );
    }, waitMs);
    this.#timer.unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const settled = async (): Promise<void> => {
      while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
    };
    await within(CLOSE_MS, settled());
  }

  async #keep(webhook: IncomingWebhook): Promise<KeptWebhook> {
    const { kept } = this.#options;
    return kept === undefined ? 'nowhere' : await kept.writer.write({ kind: 'webhook', webhook });
  }

  async #actOn(
    webhook: IncomingWebhook & { readonly receivedAtMs: number },
    kept: KeptWebhook,
  ): Promise<void> {
    if (kept === 'database') {
      // The sweep of whoever has time finds it.
      if (this.#underWay.size > MAX_UNDER_WAY) return;
      const { provider, eventKey } = webhook;
      if ((await this.process({ provider, eventKey })) !== 'later') return;
    }
    if (!(await this.#isFirst(keyOf(webhook)))) return;
    const outcome = await this.#act(webhook);
    if (outcome === 'done') {
      await this.#mark(doneMark(keyOf(webhook)));
      return;
    }
    const reason = 'again' in outcome ? outcome.again : outcome.failed;
    this.#options.log.error('webhook not processed', { route: webhook.path, reason });
  }

  async #outcomeOf(event: WebhookEvent): Promise<WebhookOutcome> {
    const handler = this.#options.handlers[event.path];
    // A second attempt is made because the first one failed, or was not finished.
    if (handler?.isLive === true && event.attempts === 1 && (await this.#wasDone(event))) {
      return 'done';
    }
    return await this.#act(event);
  }

  /** Whether it was acted upon without the database, and that worked. */
  async #wasDone(event: Pick<WebhookEvent, 'provider' | 'eventKey' | 'receivedAtMs'>) {
    const key = keyOf(event);
    if (await this.#isFirst(key)) return false;
    if (this.#acted.has(key)) return true;
    // Whoever is at it right now is given the time. What a sweep finds is older than this.
    const restMs = LEFT_BEHIND_MS - (this.#wallMs() - event.receivedAtMs);
    await sleep(Math.max(0, Math.min(LEFT_BEHIND_MS, restMs)), undefined, { ref: false });
    // Asked once: there is no other first attempt.
    return !(await this.#mark(doneMark(key)));
  }

  async #isFirst(key: string): Promise<boolean> {
    return !this.#acted.has(key) && (await this.#mark(`webhook:${key}`));
  }

  /** Whether it was not there. A store that cannot say: acting twice is the lesser evil. */
  async #mark(name: string): Promise<boolean> {
    return await this.#options.session.seenOnce(name, SEEN_TTL_MS).catch(() => true);
  }

  async #act(
    event: Pick<WebhookEvent, 'provider' | 'eventKey' | 'path' | 'body' | 'receivedAtMs'>,
  ): Promise<WebhookOutcome> {
    const outcome = await this.#handle(event);
    this.#acts[outcome === 'done' ? 'done' : 'again' in outcome ? 'again' : 'failed'] += 1;
    if (outcome === 'done') addBounded(this.#acted, keyOf(event));
    return outcome;
  }

  async #handle(
    event: Pick<WebhookEvent, 'eventKey' | 'path' | 'body' | 'receivedAtMs'>,
  ): Promise<WebhookOutcome> {
    const { handlers, log } = this.#options;
    const { eventKey, receivedAtMs, body, path } = event;
    const handler = handlers[path];
    if (handler === undefined) return { failed: 'no-handler' };
    if (body === undefined) return { failed: 'unreadable' };
    try {
      const fields = Object.fromEntries(new URLSearchParams(body));
      return await handler.act(fields, { eventKey, receivedAtMs });
    } catch (error) {
      log.error('webhook handler failed', { route: path, error });
      return { failed: 'defect' };
    }
  }

  #own(work: Promise<unknown>): void {
    const owned = work.catch((error: unknown) => {
      this.#options.log.error('webhook not processed', { error });
    });
    this.#underWay.add(owned);
    void owned.then(() => this.#underWay.delete(owned));
  }

  #wallMs(): number {
    return (this.#options.wallMs ?? Date.now)();
  }
}

function keyOf({ provider, eventKey }: Pick<IncomingWebhook, 'provider' | 'eventKey'>): string {
  return `${provider}/${eventKey}`;
}

function doneMark(key: string): string {
  return `webhook-done:${key}`;
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MAX_KNOWN && !oldest.done) map.delete(oldest.value);
}

function addBounded(set: Set<string>, key: string): void {
  set.add(key);
  const oldest = set.values().next();
  if (set.size > MAX_KNOWN && !oldest.done) set.delete(oldest.value);
}
