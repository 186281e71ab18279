/** Which trace a call is: told from its CallSid, so that every process and every log line agrees. */
import { createHash, randomBytes } from 'node:crypto';

/** 32 hexadecimal digits, never all zero. */
export function traceIdOf(callSid: string): string {
  return createHash('sha256').update(`hearthline call ${callSid}`).digest('hex').slice(0, 32);
}

/** Random ids as OpenTelemetry wants them, except for the roots of calls. */
export class CallIdGenerator {
  #forced: string | undefined;

  /** Runs `begin`, whose new trace, if it opens one, is the call's. */
  forCall<T>(callSid: string, begin: () => T): T {
    this.#forced = traceIdOf(callSid);
    try {
      return begin();
    } finally {
      this.#forced = undefined;
    }
  }

  generateTraceId(): string {
    return this.#forced ?? randomBytes(16).toString('hex');
  }

  generateSpanId(): string {
    return randomBytes(8).toString('hex');
  }
}
