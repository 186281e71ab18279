/** How claims and calls are written down, and the check of what is read back. */
import { z } from 'zod';
import type { CallNotice, CallRecord, TokenClaim } from './session-store.ts';

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
  isPlain: z.boolean().exactOptional(),
  traceId: z.string().exactOptional(),
});

const about = { callSid: z.string(), from: z.string() };
const noticeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('taken'), epoch: z.number().int().nonnegative(), ...about }),
  z.object({ kind: z.literal('over'), ...about }),
  z.object({
    kind: z.literal('answered-by'),
    who: z.enum(['human', 'machine', 'fax', 'unknown']),
    ...about,
  }),
  z.object({ kind: z.literal('withdrawn'), personId: z.string(), from: z.string() }),
]);

export function encode(value: TokenClaim | CallRecord | CallNotice): string {
  return JSON.stringify(value);
}

/** Undefined where the text is not a claim; another version's leavings are not worth a crash. */
export function decodeClaim(text: string): TokenClaim | undefined {
  return claimSchema.safeParse(parseJson(text)).data;
}

export function decodeCall(text: string): CallRecord | undefined {
  return callSchema.safeParse(parseJson(text)).data;
}

export function decodeNotice(text: string): CallNotice | undefined {
  return noticeSchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
