/** `/admin/jobs`: jobs that were given up. Who asks has shown that they may, see `admin.ts`. */
import { Router, type Response } from 'express';
import { z } from 'zod';
import type { Logger } from '../src/log.ts';
import type { Jobs } from '../src/store/jobs/job-types.ts';
import { DatabaseUnavailable } from '../src/store/sql/database-errors.ts';
import { isUuid } from '../src/store/uuid.ts';

const listQuery = z.object({
  limit: z
    .string()
    .regex(/^[1-9]\d{0,2}$/)
    .transform(Number)
    .default(100),
});

export function adminJobRoutes(
  jobs: Pick<Jobs, 'dead' | 'replay'>,
  log: Pick<Logger, 'info'>,
): Router {
  const router = Router();

  /** The latest first: names, ids and codes. */
  router.get('/dead', async (req, res) => {
    const query = listQuery.safeParse(req.query);
    if (!query.success) {
      res.status(400).json({ error: 'limit: 1 to 999' });
      return;
    }
    await answering(res, async () => {
      res.json({ jobs: await jobs.dead(query.data.limit) });
    });
  });

  /** Makes it a job again; whichever instance is free does it. */
  router.post('/:id/replay', async (req, res) => {
    const { id } = req.params;
    await answering(res, async () => {
      if (!isUuid(id) || !(await jobs.replay(id, 'endpoint'))) {
        res.status(404).json({ error: 'not found' });
        return;
      }
      log.info('job replayed');
      res.status(202).json({ id });
    });
  });

  return router;
}

/** 503 where the database is away, or the queue not up yet. */
export async function answering(res: Response, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DatabaseUnavailable)) throw error;
    res.status(503).json({ error: 'the database is away' });
  }
}
