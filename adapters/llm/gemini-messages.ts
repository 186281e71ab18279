import type { Content, Part } from '@google/genai';
import { isRecord } from '../vendor-failure.ts';
import type { LlmMessage } from './port.ts';
import { completeTurns } from './turns.ts';

/** What the vendor gave with a function call and wants back with it. */
export type SignedCall = {
  /** The id under which the call was reported. */
  readonly id: string;
  /** The vendor's own id; undefined where it gave none. */
  readonly vendorId: string | undefined;
  /** Opaque, base64. */
  readonly signature: string | undefined;
};

/** A round of tools takes seconds; this many calls are far more than all calls then open make. */
const MAX_REMEMBERED = 1_000;

/** The calls lately made, by id, oldest forgotten first. */
export class SignedCalls {
  readonly #calls = new Map<string, SignedCall>();

  remember(call: SignedCall): void {
    this.#calls.delete(call.id);
    this.#calls.set(call.id, call);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size > MAX_REMEMBERED && oldest !== undefined) this.#calls.delete(oldest);
  }

  find(id: string): SignedCall | undefined {
    return this.#calls.get(id);
  }
}

/**
 * Stands in for a signature the vendor never gave us: the call was another model's, or is older
 * than our memory. From generation 3 on a call of the current turn without one is refused. The
 * value is the vendor's own for this purpose.
 */
const NO_SIGNATURE = 'skip_thought_signature_validator';

/** Generation 3 and later sign their calls and think by level. */
export function isGeneration3(model: string): boolean {
  return !/(^|\/)gemini-[12](\D|$)/.test(model);
}

/** The history as Gemini accepts it; results stand in a content of their own, right after the calls. */
export function toGeminiContents(
  messages: readonly LlmMessage[],
  model: string,
  calls: SignedCalls,
): Content[] {
  return completeTurns(messages).flatMap((turn): Content[] => {
    if (turn.role === 'assistant') {
      let isFirstCall = true;
      const parts = turn.content.map((block): Part => {
        if (block.kind === 'text') return { text: block.text.trimEnd() };
        const known = calls.find(block.id);
        // Of several calls made at once only the first is signed.
        const standIn = isFirstCall && isGeneration3(model) ? NO_SIGNATURE : undefined;
        isFirstCall = false;
        const signature = known?.signature ?? standIn;
        const args = isRecord(block.input) ? block.input : {};
        return {
          functionCall: { ...idOf(known), name: block.name, args },
          ...(signature === undefined ? {} : { thoughtSignature: signature }),
        };
      });
      return [{ role: 'model', parts }];
    }
    const results = turn.results.map(({ call, result }): Part => ({
      functionResponse: {
        ...idOf(calls.find(call.id)),
        name: call.name,
        response: { [result.isError ? 'error' : 'output']: result.content },
      },
    }));
    const texts = turn.texts.map((text): Part => ({ text }));
    return [results, texts].flatMap((parts) =>
      parts.length === 0 ? [] : [{ role: 'user', parts }],
    );
  });
}

/** Only an id that the vendor gave itself; another model's means nothing to it. */
function idOf(call: SignedCall | undefined): { id?: string } {
  return call?.vendorId === undefined ? {} : { id: call.vendorId };
}
