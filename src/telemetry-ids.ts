/** Which trace a call is: told from its CallSid, so that every process and every log line agrees. */
import { hash, randomBytes } from 'node:crypto';

/** 32 hexadecimal digits, never all zero. */
export function traceIdOf(callSid: string): string {
  return hash('sha256', `hearthline call ${callSid}`).slice(0, 32);
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
