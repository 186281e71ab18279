/**
 * Ids by which a request is found again: `X-Request-Id` and `traceparent` come in, where the other
 * side sends them, and always go out with the answer.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { isSpanContextValid, trace } from '@opentelemetry/api';
import type { NextFunction, Request, Response } from 'express';
import { z } from 'zod';
import { monotonicMs, type EventHub } from '../src/events.ts';
import type { Logger } from '../src/log.ts';
import { callSid } from './call-sid.ts';

/** Hexadecimal, as most make theirs, or a word without a number so long that it could be a telephone's. */
const REQUEST_ID = /^([0-9a-f-]{32,48}|(?!.*\d{7})[A-Za-z0-9][A-Za-z0-9_.:-]{7,79})$/i;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * Gives every request its ids and logs its end (`debug`). The request's
 * `X-Request-Id` is kept where it looks like one; its `traceparent` is continued under a new span id,
 * which is that of the request's own span where requests are traced. No address, query or body is
 * logged.
 */
export function correlate(log: Logger) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const given = req.get('x-request-id') ?? '';
    const requestId = REQUEST_ID.test(given) ? given : randomUUID();
    const traceparent = continued(req.get('traceparent'));
    res.set('X-Request-Id', requestId);
    res.set('traceparent', traceparent);
    const beganAt = monotonicMs();
    res.once('finish', () => {
      const { method } = req;
      const traceId = traceparent.slice(3, 35);
      const durationMs = monotonicMs() - beganAt;
      const fields = { requestId, traceId, method, status: res.statusCode, durationMs };
      log.debug('request', fields);
    });
    next();
  };
}

function continued(traceparent: string | undefined): string {
  const traced = trace.getActiveSpan()?.spanContext();
  if (traced && isSpanContextValid(traced)) {
    const flags = traced.traceFlags.toString(16).padStart(2, '0');
    return `00-${traced.traceId}-${traced.spanId}-${flags}`;
  }
  const isGood = traceparent !== undefined && TRACEPARENT.test(traceparent);
  const traceId = isGood ? traceparent.slice(3, 35) : randomBytes(16).toString('hex');
  const flags = isGood ? traceparent.slice(53) : '00';
  return `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}`;
}

const form = z.object({ CallSid: callSid });
/** The webhooks there are; whatever else was asked for is nobody's. */
export const WEBHOOK_ROUTES: readonly string[] = [
  '/voice/answer',
  '/voice/resume',
  '/voice/status',
  '/voice/stream-status',
  '/voice/amd',
];

/** Tells the watchers of calls about each webhook of the carrier. Behind the signature check. */
export function tellWebhooks(events: EventHub) {
  return (req: Request, res: Response, next: NextFunction): void => {
    const parsed = form.safeParse(req.body);
    const route = `${req.baseUrl}${req.path}`;
    if (!parsed.success || !WEBHOOK_ROUTES.includes(route)) return next();
    const beganAt = monotonicMs();
    res.once('finish', () => {
      const durationMs = monotonicMs() - beganAt;
      const { statusCode: status } = res;
      events.publish(parsed.data.CallSid, { what: 'webhook', route, status, durationMs });
    });
    next();
  };
}
