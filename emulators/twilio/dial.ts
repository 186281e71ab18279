/** How the emulator puts a call of the server's through to a person. */
import { monotonicMs } from '../clock.ts';
import { detectAnswer, type AmdRequest } from './amd.ts';
import { runProgram } from './call-program.ts';
import type { Call, TwimlSource } from './call.ts';
import type { AnsweredBy } from './types.ts';

/** What the person (or their machine) does when it rings. */
export type Pickup =
  | { readonly kind: 'answer'; readonly answeredBy: AnsweredBy; readonly amdAfterMs: number }
  | { readonly kind: 'busy' | 'no-answer' | 'failed' };

export type DialRequest = {
  readonly source: TwimlSource;
  /** The server's `Timeout`: how long it may ring. */
  readonly ringTimeoutMs: number;
  readonly timeLimitMs: number;
  readonly amd: AmdRequest | undefined;
};

/**
 * Dials: initiated, ringing, then whatever `pickup` resolves with. Resolves when the call is over
 * or its TwiML has run out.
 */
export async function dial(
  call: Call,
  request: DialRequest,
  ring: () => Promise<Pickup>,
): Promise<void> {
  const { script } = call.host;
  if (!(await call.pause(script.dialMs))) return;
  call.progress('initiated');
  if (!(await call.pause(script.ringMs))) return;
  call.progress('ringing');
  const timeout = call.pause(request.ringTimeoutMs).then((): Pickup => ({ kind: 'no-answer' }));
  const pickup = await Promise.race([ring(), timeout]);
  if (!call.live) return;
  if (pickup.kind !== 'answer') {
    call.finish(pickup.kind);
    return;
  }
  call.answer();
  call.own(enforceTimeLimit(call, request.timeLimitMs));
  await runProgram(call, await sourceAfterAmd(call, request, pickup));
}

/** Synchronous detection holds the TwiML request back and adds its result to it. */
async function sourceAfterAmd(
  call: Call,
  request: DialRequest,
  pickup: Extract<Pickup, { kind: 'answer' }>,
): Promise<TwimlSource> {
  const { amd, source } = request;
  if (!amd) return source;
  const startedMs = monotonicMs();
  const detection = detectAnswer(call, amd, pickup, startedMs);
  if (amd.asyncUrl !== undefined) {
    call.own(detection);
    return source;
  }
  const params = await detection;
  return source.from === 'url' && params
    ? { ...source, params: { ...source.params, ...params } }
    : source;
}

async function enforceTimeLimit(call: Call, timeLimitMs: number): Promise<void> {
  const limit = new Promise<'limit'>((resolve) => {
    const timer = setTimeout(() => resolve('limit'), timeLimitMs);
    void call.ended.then(() => clearTimeout(timer));
  });
  if ((await Promise.race([limit, call.ended])) === 'limit') call.finish('time-limit');
}
