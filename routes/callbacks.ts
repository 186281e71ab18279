/**
 * What the carrier only tells: nobody on the line waits for these. Each is kept as it came, answered,
 * and acted upon (`pipelines/webhooks.ts`); a copy of one that is known changes nothing.
 */
import { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { WebhookInbox } from '../pipelines/webhooks.ts';
import { callSid } from './call-sid.ts';
import { rawFormOf } from './twilio-signature.ts';

/** As everything of Twilio's is filed. */
export const PROVIDER = 'twilio';

/** No slash, which separates the parts of a key. */
const part = z.string().regex(/^[0-9A-Za-z_-]{0,64}$/);

/** What makes each one what it is, by the parts of its key. */
const KEYS = {
  '/voice/status': z
    .object({
      CallSid: callSid,
      SequenceNumber: part.default('0'),
      CallStatus: part.default(''),
    })
    .transform((form) => `${form.CallSid}/${form.SequenceNumber}/${form.CallStatus}`),
  '/voice/stream-status': z
    .object({ CallSid: callSid, StreamSid: part.default(''), StreamEvent: part.default('') })
    .transform((form) => `${form.CallSid}/${form.StreamSid}/${form.StreamEvent}`),
  '/voice/amd': z.object({ CallSid: callSid }).transform((form) => `${form.CallSid}/amd`),
  '/messages/inbound': z
    .object({ MessageSid: z.string().regex(/^[A-Z]{2}[0-9A-Za-z]{2,62}$/) })
    .transform((form) => form.MessageSid),
} as const;

/** Nothing is said back; who looks after the person sees the message. */
const NO_ANSWER = '<?xml version="1.0" encoding="UTF-8"?><Response/>';

/** Mounted at the root, behind the signature check. */
export function callbackRoutes(inbox: Pick<WebhookInbox, 'take'>): Router {
  const router = Router();
  for (const path of Object.keys(KEYS) as (keyof typeof KEYS)[]) {
    router.post(path, async (req: Request, res: Response) => {
      const key = KEYS[path].safeParse(req.body);
      if (!key.success) {
        res.status(400).end();
        return;
      }
      const webhook = { provider: PROVIDER, eventKey: key.data, path, body: rawFormOf(req) };
      const kept = await inbox.take(webhook);
      // Twilio then says so in its own log, and sends it again where it was told to.
      if (kept === 'refused') res.status(503).end();
      else if (path === '/messages/inbound') res.type('text/xml').send(NO_ANSWER);
      else res.status(204).end();
    });
  }
  return router;
}
