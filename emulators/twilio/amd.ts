import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { commonParams } from './call-params.ts';
import type { Call } from './call.ts';
import type { AnsweredBy } from './types.ts';

/** What the server asked answering-machine detection to do. */
export type AmdRequest = {
  readonly mode: 'Enable' | 'DetectMessageEnd';
  /** Where the result goes; without it detection is synchronous. */
  readonly asyncUrl: string | undefined;
  readonly asyncMethod: 'GET' | 'POST';
  readonly timeoutMs: number;
};

/**
 * Waits for the scripted verdict, notes it on the call and, when asynchronous, posts it. Resolves
 * with the form fields of the verdict; with undefined when the call ended first.
 */
export async function detectAnswer(
  call: Call,
  request: AmdRequest,
  verdict: { readonly answeredBy: AnsweredBy; readonly amdAfterMs: number },
  startedMs: number,
): Promise<Record<string, string> | undefined> {
  const inTime = verdict.amdAfterMs <= request.timeoutMs;
  await Promise.race([
    sleep(Math.min(verdict.amdAfterMs, request.timeoutMs), undefined, { ref: false }),
    call.ended,
  ]);
  if (!call.live) return undefined;
  const answeredBy = inTime ? verdict.answeredBy : 'unknown';
  const detectionMs = Math.round(monotonicMs() - startedMs);
  call.answeredBy = answeredBy;
  call.host.log.add({ what: 'amd-result', callSid: call.sid, answeredBy, detectionMs });
  const params = { AnsweredBy: answeredBy, MachineDetectionDuration: String(detectionMs) };
  if (request.asyncUrl !== undefined) {
    await call.host.webhooks.send({
      callSid: call.sid,
      kind: 'amd',
      url: request.asyncUrl,
      method: request.asyncMethod,
      params: { ...commonParams(call, call.status), ...params },
    });
  }
  return params;
}
