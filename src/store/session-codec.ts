/** How claims and calls are written down, and the check of what is read back. */
import { z } from 'zod';
import type { CallRecord, TokenClaim } from './session-store.ts';

const claimSchema = z.object({ callSid: z.string(), data: z.record(z.string(), z.string()) });

const callSchema = z.object({
  callSid: z.string(),
  streamSid: z.string().exactOptional(),
  personId: z.string().exactOptional(),
  direction: z.enum(['inbound', 'outbound']),
  phase: z.enum(['ringing', 'live', 'lost', 'ending', 'ended']),
  epoch: z.number().int().nonnegative(),
  owner: z.string(),
  resumeCount: z.number().int().nonnegative(),
  startedAtMs: z.number(),
  traceId: z.string().exactOptional(),
});

export function encode(value: TokenClaim | CallRecord): string {
  return JSON.stringify(value);
}

/** Undefined where the text is not a claim; another version's leavings are not worth a crash. */
export function decodeClaim(text: string): TokenClaim | undefined {
  return claimSchema.safeParse(parseJson(text)).data;
}

export function decodeCall(text: string): CallRecord | undefined {
  return callSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
