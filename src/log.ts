/**
 * The server's log: JSON lines on standard output, in which personal data has no way in.
 *
 * Redaction is by construction, not by search. A message is a literal in the source, never built
 * from data. A field has to be named in the tables below, and its value has to look like what the
 * table says: an id, a short code word, a small number. Everything else is dropped at run time and
 * only its name is kept, in `dropped`. Of an error, the text is kept only when it is one of our own,
 * whose texts are made from safe parts (see errors.ts).
 */
import pino from 'pino';
import type { LogLevel } from './config-values.ts';
import { ConfigError, VendorError } from './errors.ts';
import { traceIdOf } from './telemetry-ids.ts';

/** Ids: letters, digits and a little punctuation; not a bare number, which could be a telephone's. */
const ID_FIELDS = [
  'callSid',
  'streamSid',
  'messageSid',
  'personId',
  'turnId',
  'requestId',
  'traceId',
  'instance',
  'owner',
] as const;

/** Code words: one word of our own or the carrier's vocabulary, or a path of our own. */
const WORD_FIELDS = [
  'component',
  'what',
  'why',
  'reason',
  'state',
  'phase',
  'from',
  'to',
  'vendor',
  'failure',
  'direction',
  'answeredBy',
  'callStatus',
  'line',
  'tool',
  'category',
  'severity',
  'language',
  'model',
  'environment',
  'mode',
  'signal',
  'store',
  'method',
  'route',
  'host',
] as const;

/** Small whole numbers; besides these, every name that ends in Ms, Bytes or Count. */
const NUMBER_FIELDS = [
  'port',
  'status',
  'code',
  'pid',
  'utterance',
  'sttTurn',
  'turn',
  'epoch',
  'revision',
  'attempt',
  'sequence',
  'calls',
  'exitCode',
] as const;

/** Names of environment variables. */
const LIST_FIELDS = ['variables'] as const;

const FLAG_FIELDS = ['resumed', 'draft', 'interrupted', 'forced', 'ok'] as const;

type Quantity = `${string}Ms` | `${string}Bytes` | `${string}Count`;

export type LogFields = {
  readonly [K in (typeof ID_FIELDS)[number] | (typeof WORD_FIELDS)[number]]?: string | undefined;
} & { readonly [K in (typeof NUMBER_FIELDS)[number]]?: number | undefined } & {
  readonly [K in (typeof LIST_FIELDS)[number]]?: readonly string[] | undefined;
} & { readonly [K in (typeof FLAG_FIELDS)[number]]?: boolean | undefined } & {
  readonly [K in Quantity]?: number | undefined;
} & { readonly error?: unknown };

/** A string type that is a literal in the source; a computed string does not fit. */
type Literal<M extends string> = string extends M ? never : M;

type Write = <const M extends string>(message: Literal<M>, fields?: LogFields) => void;

export type Logger = {
  readonly trace: Write;
  readonly debug: Write;
  readonly info: Write;
  readonly warn: Write;
  readonly error: Write;
  readonly fatal: Write;
  /** A logger whose every line also has `fields`. */
  child(fields: LogFields): Logger;
  /** Resolves when everything written so far is out, or `timeoutMs` later. For the last moment. */
  flush(timeoutMs: number): Promise<void>;
};

const ID = /^(?!\d{7,}$)[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$/;
const WORD = /^(?!.*\d{9})[A-Za-z/][A-Za-z0-9_.:/-]{0,63}$/;
const QUANTITY = /^[a-z][A-Za-z0-9]*(Ms|Bytes|Count)$/;
const VARIABLE = /^[A-Z][A-Z0-9_]{0,63}$/;

/** Ten digits or more could be a telephone number, so no number that long gets in. */
const LARGEST_NUMBER = 999_999_999;

type Check = (value: unknown) => boolean;

const isText =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const isNumber: Check = (value) => typeof value === 'number' && Math.abs(value) <= LARGEST_NUMBER;
const isVariableList: Check = (value) =>
  Array.isArray(value) && value.length <= 64 && value.every(isText(VARIABLE));

const CHECKS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ...ID_FIELDS.map((name) => [name, isText(ID)] as const),
  ...WORD_FIELDS.map((name) => [name, isText(WORD)] as const),
  ...NUMBER_FIELDS.map((name) => [name, isNumber] as const),
  ...LIST_FIELDS.map((name) => [name, isVariableList] as const),
  ...FLAG_FIELDS.map((name) => [name, (value: unknown) => typeof value === 'boolean'] as const),
]);

function checkFor(name: string): Check | undefined {
  return CHECKS.get(name) ?? (QUANTITY.test(name) ? isNumber : undefined);
}

/** The fields that may be written; `dropped` names those that may not. */
export function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  const dropped: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (name === 'error') safe['error'] = safeError(value);
    else if (checkFor(name)?.(value) === true) safe[name] = value;
    else dropped.push(name.replace(/[^A-Za-z_]/g, '').slice(0, 40));
  }
  // Every line about a call leads to its trace, whichever process wrote it.
  const { callSid } = safe;
  if (typeof callSid === 'string') safe['traceId'] ??= traceIdOf(callSid);
  if (dropped.length > 0) safe['dropped'] = dropped.slice(0, 20);
  return safe;
}

type SafeError = {
  name: string;
  message?: string;
  code?: string | number;
  status?: number;
  stack?: string[];
  cause?: SafeError;
};

const ERROR_WORD = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const FRAME = /^\s+at [^\n]{1,300}:\d+:\d+\)?$/;
const MAX_FRAMES = 12;
const MAX_CAUSES = 4;

/**
 * What may be said of anything that was thrown: its class, its machine-readable codes, where it
 * happened, and the same of its causes. Its text only when it is one of our own errors.
 */
export function safeError(thrown: unknown, depth = 1): SafeError {
  if (!(thrown instanceof Error)) return { name: `thrown ${typeof thrown}` };
  const safe: SafeError = { name: ERROR_WORD.test(thrown.name) ? thrown.name : 'Error' };
  if (thrown instanceof VendorError || thrown instanceof ConfigError) safe.message = thrown.message;
  const { code, status } = thrown as { code?: unknown; status?: unknown };
  if ((typeof code === 'string' && ERROR_WORD.test(code)) || isNumber(code)) {
    safe.code = code as string | number;
  }
  if (isNumber(status)) safe.status = status as number;
  const frames = framesOf(thrown);
  if (frames.length > 0) safe.stack = frames;
  if (thrown.cause !== undefined && depth < MAX_CAUSES) {
    safe.cause = safeError(thrown.cause, depth + 1);
  }
  return safe;
}

/** The lines of the stack that are frames. The text goes first: it could imitate one. */
function framesOf(error: Error): string[] {
  const stack = typeof error.stack === 'string' ? error.stack : '';
  const start = stack.indexOf(error.message);
  const after = error.message !== '' && start >= 0 ? stack.slice(start + error.message.length) : '';
  const text = error.message === '' ? stack : after;
  return text
    .split('\n')
    .filter((line) => FRAME.test(line))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim());
}

/** Written lines wait here while standard output is busy; beyond it lines are lost, not the call. */
const BUFFER_BYTES = 4 * 1024 * 1024;

/** Where lines go; standard output unless a test listens. */
export type LogDestination = { write(line: string): void; flush?(done: () => void): void };

/** Opens the log. Writing never blocks and never throws. */
export function createLogger(
  level: LogLevel,
  destination: LogDestination = standardOutput(),
): Logger {
  const root = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: 'message' },
    destination,
  );
  return wrap(root, destination);
}

function standardOutput(): LogDestination {
  // With a minimum length of 0, sonic-boom answers a flush before it has written.
  const out = pino.destination({ fd: 1, sync: false, minLength: 1, maxLength: BUFFER_BYTES });
  // A reader that went away (EPIPE) must not take the calls with it.
  out.on('error', () => undefined);
  return { write: (line) => void out.write(line), flush: (done) => out.flush(() => done()) };
}

function wrap(target: pino.Logger, destination: LogDestination): Logger {
  const at =
    (level: pino.Level): Write =>
    (message, fields) => {
      if (target.isLevelEnabled(level)) target[level](safeFields(fields ?? {}), message as string);
    };
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
    child: (fields) => wrap(target.child(safeFields(fields)), destination),
    flush: (timeoutMs) => flushWithin(destination, timeoutMs),
  };
}

async function flushWithin(destination: LogDestination, timeoutMs: number): Promise<void> {
  const { flush } = destination;
  if (!flush) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
