/**
 * Errors to Sentry, where SENTRY_DSN is set; loaded only then. It sends Sentry's envelope by hand: the
 * SDK is 95 MB, hooks into every request by default, and would have to be taught what not to send.
 * Here nothing but what the log may say of an error (see safeError) can get out.
 */
import { randomUUID } from 'node:crypto';
import { safeError } from './log.ts';
import { within } from './patience.ts';

export type ErrorReporter = {
  /** Reports an error; never throws and never waits. */
  report(error: unknown, where: 'request' | 'call' | 'process'): void;
  /** Resolves when what was reported is out, or `timeoutMs` later. */
  flush(timeoutMs: number): Promise<void>;
};

export type ErrorReporterOptions = {
  /** `https://KEY@HOST/PROJECT`. */
  readonly dsn: string;
  readonly environment: string;
};

const SEND_TIMEOUT_MS = 5_000;
/** A defect that every call meets must not become a flood. */
const MAX_PER_MINUTE = 30;
const MAX_IN_FLIGHT = 5;

/** @throws Error for a DSN that is none, without repeating it. */
export function createErrorReporter(options: ErrorReporterOptions): ErrorReporter {
  const { url, key } = target(options.dsn);
  const inFlight = new Set<Promise<void>>();
  let windowAt = 0;
  let sent = 0;

  const mayReport = (): boolean => {
    const now = performance.now();
    if (now - windowAt >= 60_000 || windowAt === 0) [windowAt, sent] = [now, 0];
    sent += 1;
    return sent <= MAX_PER_MINUTE && inFlight.size < MAX_IN_FLIGHT;
  };

  return {
    report: (error, where) => {
      if (!mayReport()) return;
      const sending = send(url, key, envelope(error, where, options)).finally(() =>
        inFlight.delete(sending),
      );
      inFlight.add(sending);
    },
    flush: async (timeoutMs) => {
      await within(timeoutMs, Promise.all(inFlight));
    },
  };
}

function target(dsn: string): { url: string; key: string } {
  const parsed = URL.canParse(dsn) ? new URL(dsn) : undefined;
  const [, path = '', project = ''] = /^(.*)\/(\d+)$/.exec(parsed?.pathname ?? '') ?? [];
  if (!parsed || parsed.username === '' || project === '') throw new Error('SENTRY_DSN is no DSN');
  const url = `${parsed.protocol}//${parsed.host}${path}/api/${project}/envelope/`;
  return { url, key: parsed.username };
}

/** Three lines of JSON: the envelope's header, the item's, the item. */
function envelope(error: unknown, where: string, options: ErrorReporterOptions): string {
  const { environment } = options;
  const { name, message, stack = [], ...rest } = safeError(error);
  const eventId = randomUUID().replaceAll('-', '');
  const event = {
    event_id: eventId,
    timestamp: Date.now() / 1_000,
    platform: 'node',
    level: 'error',
    environment,
    tags: { where },
    // Sentry wants the oldest frame first.
    exception: {
      values: [
        {
          type: name,
          value: message ?? name,
          stacktrace: { frames: stack.map((line) => frameOf(line)).reverse() },
        },
      ],
    },
    extra: rest,
  };
  const header = { event_id: eventId, sent_at: new Date().toISOString() };
  return [header, { type: 'event' }, event].map((part) => JSON.stringify(part)).join('\n');
}

function frameOf(line: string): Record<string, string | number> {
  const found = /^at (?:(.*) \()?(.*?):(\d+):(\d+)\)?$/.exec(line);
  if (!found) return { function: line };
  const [, name = '', file = '', row = '0', column = '0'] = found;
  return { function: name, filename: file, lineno: Number(row), colno: Number(column) };
}

/** A report that does not arrive is lost; the log has it, too. */
async function send(url: string, key: string, body: string): Promise<void> {
  const auth = `Sentry sentry_version=7, sentry_client=hearthline/1, sentry_key=${key}`;
  const headers = { 'Content-Type': 'application/x-sentry-envelope', 'X-Sentry-Auth': auth };
  const signal = AbortSignal.timeout(SEND_TIMEOUT_MS);
  await fetch(url, { method: 'POST', headers, body, signal }).then(
    async (response) => void (await response.arrayBuffer().catch(() => undefined)),
    () => undefined,
  );
}
