/** What the page and the bridge say to each other. Sound goes as binary messages of μ-law. */
import { z } from 'zod';
import type { TimedCallEvent } from '../src/events.ts';

export const MAX_SAY_CHARS = 300;
const MAX_NAME_CHARS = 40;

const fromPageSchema = z.discriminatedUnion('kind', [
  /** `inbound`: the person at the page dials. `outbound`: they have themselves called. */
  z.strictObject({
    kind: z.literal('call'),
    direction: z.enum(['inbound', 'outbound']),
    name: z.string().trim().max(MAX_NAME_CHARS).default(''),
    language: z.enum(['en', 'es']).default('en'),
  }),
  /** Three dots are a pause of a second. */
  z.strictObject({ kind: z.literal('say'), text: z.string().trim().min(1).max(MAX_SAY_CHARS) }),
  z.strictObject({ kind: z.literal('cough') }),
  z.strictObject({ kind: z.literal('press'), digits: z.string().regex(/^[0-9*#]{1,8}$/) }),
  z.strictObject({ kind: z.literal('hang-up') }),
]);

export type FromPage = z.output<typeof fromPageSchema>;

/** Every `atMs` is the machine's monotonic clock, so that stamps can be subtracted. */
export type ToPage =
  | { readonly kind: 'ready'; readonly number: string; readonly nowMs: number }
  | { readonly kind: 'call'; readonly state: 'dialling' | 'ringing' | 'connected' }
  | { readonly kind: 'ended'; readonly how: string }
  | { readonly kind: 'speaking'; readonly text: string; readonly atMs: number }
  /** The frame with the end of the last word has left; the wait for an answer begins. */
  | { readonly kind: 'spoke'; readonly text: string; readonly atMs: number; readonly cut: boolean }
  /** The first media of an answer has arrived. */
  | { readonly kind: 'answered'; readonly waitMs: number; readonly atMs: number }
  | {
      readonly kind: 'heard';
      readonly text: string;
      readonly utterance: number;
      readonly atMs: number;
    }
  | { readonly kind: 'cut'; readonly words: readonly string[]; readonly atMs: number }
  | { readonly kind: 'event'; readonly event: TimedCallEvent }
  | { readonly kind: 'problem'; readonly text: string };

/** Undefined when it is none of the page's messages. */
export function parseFromPage(text: string): FromPage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const parsed = fromPageSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
