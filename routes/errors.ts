/** What a client is told when a request fails: whose fault it was, and nothing more. */
import type { NextFunction, Request, Response } from 'express';
import type { Logger } from '../src/log.ts';

/** Tells whoever collects defects; must not throw. */
export type ReportDefect = (error: unknown) => void;

/** The last error handler: 4xx for what a client sent wrong, else 500, logged and reported. */
export function answerErrors(log: Logger, report: ReportDefect) {
  return (error: unknown, _req: Request, res: Response, next: NextFunction): void => {
    const status = clientFault(error);
    if (status !== undefined && !res.headersSent) {
      res.status(status).json({ error: 'bad request' });
      return;
    }
    log.error('request failed', { error, requestId: res.get('X-Request-Id') });
    report(error);
    if (res.headersSent) next(error);
    else res.status(500).json({ error: 'internal error' });
  };
}

/** The 4xx that a body parser has for what the client sent; undefined for faults of ours. */
function clientFault(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
