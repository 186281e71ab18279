/**
 * Never in production, and where calls would reach telephones only by order: the live events of all
 * calls, words included, and a way to have a call placed. Answers nobody but this machine.
 */
import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { z } from 'zod';
import type { Calls } from '../pipelines/calls.ts';
import { stranger } from '../src/companion/person.ts';
import { VendorError } from '../src/errors.ts';
import { monotonicMs, type EventHub } from '../src/events.ts';
import type { People } from '../src/people.ts';
import { isThisMachine } from './who-asks.ts';

export type DevRoutesOptions = {
  readonly calls: Calls;
  readonly people: People;
  readonly events: EventHub;
  /** Dialling makes a telephone ring: then only that of somebody who is known here. */
  readonly reachesTelephones: boolean;
};

const placeSchema = z.object({
  to: z.string().regex(/^\+[1-9]\d{6,14}$/),
  personName: z.string().max(80).optional(),
  language: z.enum(['en', 'es']).optional(),
});

/** A watcher that does not read is let go once this much waits for it. */
const MAX_WATCHERS = 20;
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;

function onlyThisMachine(req: Request, res: Response, next: NextFunction): void {
  if (isThisMachine(req)) next();
  else res.status(403).end();
}

export type DevRoutes = {
  readonly router: Router;
  /** Lets the watchers go, who would otherwise keep the server from closing. */
  close(): void;
};

export function devRoutes(options: DevRoutesOptions): DevRoutes {
  const { calls, people, events, reachesTelephones } = options;
  const router = Router();
  const watchers = new Set<Response>();
  router.use(onlyThisMachine);

  router.get('/events', (_req, res) => {
    if (watchers.size >= MAX_WATCHERS) {
      res.status(503).json({ error: 'too many watchers' });
      return;
    }
    const unsubscribe = events.subscribe((event) => {
      if (res.writableLength > MAX_UNREAD_BYTES) res.destroy();
      else res.write(`data: ${JSON.stringify(event)}\n\n`);
    });
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    res.write(`: ${monotonicMs()}\n\n`);
    watchers.add(res);
    res.on('close', () => {
      unsubscribe();
      watchers.delete(res);
    });
  });

  router.post('/call', express.json({ limit: '4kb' }), async (req, res) => {
    const body = placeSchema.safeParse(req.body);
    if (!body.success) {
      res.status(400).json({ error: 'give {"to": "+1555…"}' });
      return;
    }
    const { to, personName, language } = body.data;
    const known = people.byPhone(to);
    if (known.personId === 'unknown' && reachesTelephones) {
      res.status(403).json({ error: 'only people who are known here are called' });
      return;
    }
    const person =
      known.personId === 'unknown'
        ? { ...stranger(to), name: personName ?? '', language: language ?? 'en' }
        : known;
    try {
      const result = await calls.place(person);
      if ('refused' in result) res.status(409).json({ error: result.refused });
      else res.status(202).json(result);
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      res.status(502).json({ error: error.message });
    }
  });

  return {
    router,
    close: () => {
      for (const watcher of watchers) watcher.end();
    },
  };
}
