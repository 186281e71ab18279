/**
 * `/admin`: what operators do by hand. Only for who bears ADMIN_TOKEN; without that variable there is
 * no such thing. Every change is in the audit log, in the transaction that makes it where it is one.
 */
import { Router, type NextFunction, type Request, type Response } from 'express';
import { z } from 'zod';
import type { WebhookInbox } from '../pipelines/webhooks.ts';
import type { Logger } from '../src/log.ts';
import type { DurableWriter } from '../src/store/durable-writer.ts';
import { replayWebhook } from '../src/store/sql/replay-webhook.ts';
import type { Jobs } from '../src/store/jobs/job-types.ts';
import type { Database } from '../src/store/sql/database.ts';
import type { WebhookEvents } from '../src/store/sql/webhook-events.ts';
import { isUuid } from '../src/store/uuid.ts';
import { adminJobRoutes, answering } from './admin-jobs.ts';
import { adminRecordRoutes } from './admin-records.ts';
import { createRefusalLimit } from './refusal-limit.ts';
import type { SenderOf } from './sender.ts';
import { bears } from './who-asks.ts';

export type AdminRoutesOptions = {
  readonly token: string;
  readonly database: Pick<Database, 'withScope'>;
  readonly webhooks: WebhookEvents;
  readonly jobs: Pick<Jobs, 'dead' | 'replay'>;
  readonly records: Pick<DurableWriter<never>, 'replayAside'>;
};

export type AdminParts = {
  readonly inbox: Pick<WebhookInbox, 'process'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly senderOf: SenderOf;
};

const listQuery = z.object({
  state: z.enum(['received', 'processing', 'done', 'failed']).optional(),
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/)
    .transform(Number)
    .default(100),
});

export function adminRoutes(options: AdminRoutesOptions, parts: AdminParts): Router {
  const { database, webhooks } = options;
  const { inbox, log } = parts;
  const router = Router();
  router.use(onlyAdmins(options, parts));

  /** How webhooks fared, the newest first; nothing of what they said. */
  router.get('/webhooks', async (req, res) => {
    const query = listQuery.safeParse(req.query);
    if (!query.success) {
      res.status(400).json({ error: 'state: received, processing, done, failed; limit: 1 to 999' });
      return;
    }
    const { state, limit } = query.data;
    await answering(res, async () => {
      const events = await database.withScope({ kind: 'service' }, (tx) =>
        webhooks.list(tx, { state, limit }),
      );
      res.json({ webhooks: events });
    });
  });

  /** Has a failed one acted upon again, now, under the same key. */
  router.post('/webhooks/:id/replay', async (req, res) => {
    const { id } = req.params;
    if (!isUuid(id)) {
      res.status(404).json({ error: 'not found' });
      return;
    }
    await answering(res, async () => {
      const replayed = await replayWebhook({ database, webhooks }, id, 'endpoint');
      if (replayed === undefined) {
        res.status(404).json({ error: 'not found' });
        return;
      }
      if (!replayed.isReplayed) {
        res.status(409).json({ error: 'it has not failed', state: replayed.state });
        return;
      }
      const outcome = await inbox.process(id);
      log.info('webhook replayed', { what: outcome });
      res.json({ eventId: id, outcome });
    });
  });

  router.use('/jobs', adminJobRoutes(options.jobs, log));
  router.use('/records', adminRecordRoutes(options.records, database, log));
  return router;
}

function onlyAdmins({ token }: AdminRoutesOptions, { log, senderOf }: AdminParts) {
  const limit = createRefusalLimit();
  return (req: Request, res: Response, next: NextFunction): void => {
    res.set('Cache-Control', 'no-store');
    if (bears(req, token)) return next();
    const { count, isOver } = limit.count(senderOf(req));
    // The first ones, and not as many as somebody likes to send.
    if (!isOver) log.warn('admin refused', { attempt: count });
    res.set('WWW-Authenticate', 'Bearer').status(isOver ? 429 : 401);
    res.json({ error: isOver ? 'too many requests' : 'unauthorized' });
  };
}
