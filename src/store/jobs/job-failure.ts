/** How a job failed, as a code: what is written down of it never quotes an error's message. */
import { VendorError } from '../../errors.ts';
import { DatabaseUnavailable, QueryRefused } from '../sql/database-errors.ts';

const CODE = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** Thrown by a handler. The code is a word of ours and holds nothing of anybody's. */
export class JobFailure extends Error {
  override readonly name = 'JobFailure';
  readonly code: string;

  constructor(code: string) {
    super(`job failed: ${code}`);
    this.code = CODE.test(code) ? code : 'unnamed';
  }
}

/** At most 64 characters of a small vocabulary: ours, vendors' failures, SQL states, 'defect'. */
export function errorCodeOf(error: unknown): string {
  if (error instanceof JobFailure) return error.code;
  if (error instanceof DatabaseUnavailable) return 'database-away';
  if (error instanceof QueryRefused) return `sql-${error.code.toLowerCase()}`;
  if (error instanceof VendorError) return `${error.vendor}-${error.failure}`;
  if (error instanceof Error && error.name === 'SealBroken') return 'seal-broken';
  return 'defect';
}
