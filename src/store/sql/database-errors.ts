/**
 * How SQL fails, in two kinds that callers treat differently. Messages hold codes and names of
 * tables and constraints, never values: what PostgreSQL says about a broken constraint repeats the
 * row, and rows are people's.
 */

/** The database is away, too slow, or not ready for us. The same work may succeed later. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
  /** SQLSTATE or the code of a socket error, where there is one. */
  readonly code: string | undefined;

  constructor(reason: string, code?: string) {
    super(`database unavailable: ${reason}${code === undefined ? '' : ` (${code})`}`);
    this.code = code;
  }
}

/** The database answered, and the answer is no. The same work will be refused again. */
export class QueryRefused extends Error {
  override readonly name = 'QueryRefused';
  /** SQLSTATE. */
  readonly code: string;
  readonly table: string | undefined;
  readonly constraint: string | undefined;

  constructor(code: string, table?: string, constraint?: string) {
    const where = [table, constraint].filter((part) => part !== undefined).join(', ');
    super(`query refused: ${code}${where === '' ? '' : ` (${where})`}`);
    this.code = code;
    this.table = table;
    this.constraint = constraint;
  }
}

/** Data, integrity, and statements that are wrong or not allowed: trying again changes nothing. */
const REFUSALS = new Set(['21', '22', '23', '3F', '42', '44']);

/** The codes of a connection that broke, in Node and in TLS. */
const CONNECTION_CODES = /^(E[A-Z0-9]+|ERR_(SSL|TLS|STREAM)_\w+)$/;

/**
 * What to throw instead of an error of node-postgres that came before the database was asked for
 * anything: a certificate that has run out, a role that is not granted. No work was refused.
 */
export function notReached(error: unknown): DatabaseUnavailable {
  const translated = translateError(error);
  if (translated instanceof DatabaseUnavailable) return translated;
  const code = translated instanceof Error ? textField(translated, 'code') : undefined;
  return new DatabaseUnavailable('no connection', code);
}

/** What to throw instead of an error of node-postgres; anything else comes back as it is. */
export function translateError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof DatabaseUnavailable || error instanceof QueryRefused) return error;
  const code = textField(error, 'code');
  if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && textField(error, 'severity')) {
    return REFUSALS.has(code.slice(0, 2))
      ? new QueryRefused(code, textField(error, 'table'), textField(error, 'constraint'))
      : new DatabaseUnavailable('the server refused for now', code);
  }
  if (textField(error, 'syscall') !== undefined || CONNECTION_CODES.test(code ?? '')) {
    return new DatabaseUnavailable('no connection', code);
  }
  return CONNECTION_MESSAGES.test(error.message)
    ? new DatabaseUnavailable('the connection was lost or took too long')
    : error;
}

/** node-postgres tells these by their words alone. */
const CONNECTION_MESSAGES =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after|Connection ended|received (invalid response|unexpected \w+ message))/i;

function textField(error: Error, name: string): string | undefined {
  const value: unknown = Reflect.get(error, name);
  return typeof value === 'string' ? value : undefined;
}
