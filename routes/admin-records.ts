/**
 * `/admin/records`: what the database refused for good and this instance keeps in its file. Who asks
 * has shown that they may, see `admin.ts`.
 */
import { Router } from 'express';
import type { Logger } from '../src/log.ts';
import type { DurableWriter } from '../src/store/durable-writer.ts';
import { audit } from '../src/store/sql/audit-log.ts';
import type { Database } from '../src/store/sql/database.ts';
import { answering } from './admin-jobs.ts';

export function adminRecordRoutes(
  records: Pick<DurableWriter<never>, 'replayAside'>,
  database: Pick<Database, 'withScope'>,
  log: Pick<Logger, 'info'>,
): Router {
  const router = Router();

  /** All of them again, behind whatever waits; what is refused again is set aside again. */
  router.post('/replay', async (_req, res) => {
    await answering(res, async () => {
      // What is applied is not known yet, and may need many transactions: the attempt is audited.
      await database.withScope({ kind: 'service' }, async (tx) => {
        const detail = { way: 'endpoint' };
        await audit(tx, { actorKind: 'admin', action: 'records.replay', entity: 'spool', detail });
      });
      const { replayed, left } = await records.replayAside();
      log.info('records replayed', { replayedCount: replayed, leftCount: left });
      res.status(202).json({ replayed, left });
    });
  });

  return router;
}
