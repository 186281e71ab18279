/** A question to a model outside a call: no hurry, no voice, the whole answer at once. */
import type { LlmVendor } from '../../adapters/llm/port.ts';
import type { PromptPart } from '../../src/companion/prompt.ts';
import { VendorError } from '../../src/errors.ts';

/** Nobody listens: what would be far too late in a call is early enough here. */
const FIRST_TOKEN_TIMEOUT_MS = 20_000;
const STALL_TIMEOUT_MS = 15_000;
const MAX_TOKENS = 3_000;
/** Above what so many tokens can be. */
const MAX_CHARS = 60_000;

/**
 * Asks one model after the other, until one gives an answer that `read` can use.
 * @returns undefined where none did: they are away, or none keeps to the form.
 * @throws what the signal was aborted with.
 */
export async function askModels<T>(
  models: readonly LlmVendor[],
  question: { readonly system: readonly PromptPart[]; readonly user: string },
  read: (answer: string) => T | undefined,
  signal: AbortSignal,
): Promise<{ readonly model: string; readonly value: T } | undefined> {
  for (const model of models) {
    signal.throwIfAborted();
    const text = await answerOf(model, question, signal);
    const value = text === undefined ? undefined : read(text);
    if (value !== undefined) return { model: model.vendor, value };
  }
  return undefined;
}

/** Undefined: this one does not answer now. */
async function answerOf(
  model: LlmVendor,
  { system, user }: { readonly system: readonly PromptPart[]; readonly user: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  let text = '';
  try {
    const answer = model.stream({
      system,
      messages: [{ role: 'user', content: [{ kind: 'text', text: user }] }],
      tools: [],
      maxTokens: MAX_TOKENS,
      firstTokenTimeoutMs: FIRST_TOKEN_TIMEOUT_MS,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      signal,
    });
    for await (const event of answer) {
      if (event.kind === 'text') text += event.text;
      if (text.length > MAX_CHARS) return undefined;
      if (event.kind === 'done' && event.stop !== 'end') return undefined;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof VendorError) return undefined;
    throw error;
  }
  return text;
}
