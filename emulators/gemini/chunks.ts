import type { Usage } from '../anthropic/types.ts';
import type { Plan, PieceKind, PlannedBlock } from '../anthropic/plan.ts';
import type { GenerateRequest } from './types.ts';

export type Chunk = Readonly<Record<string, unknown>>;

/** One moment of the stream. */
export type ChunkStep = {
  readonly chunk: Chunk;
  /** What the chunk says; undefined for the end of the answer. */
  readonly token: { readonly kind: PieceKind; readonly text: string } | undefined;
  /** The token, counted from 0, after which it leaves. */
  readonly afterToken: number;
};

export type Answer = {
  readonly id: string;
  readonly request: GenerateRequest;
  readonly plan: Plan;
  readonly usage: Usage;
  readonly finishReason: string;
  readonly chunkTokens: number;
};

/** Generation 3 signs the calls it makes and the end of its answers. */
export function signatureOf(id: string, place: number): string {
  return Buffer.from(`signature ${id} ${place}`).toString('base64');
}

const signs = (request: GenerateRequest): boolean => !/^gemini-[12]/.test(request.model);

/** An answer as its chunks: text in groups of tokens, function calls whole, then the end. */
export function chunkSteps(answer: Answer): ChunkStep[] {
  const { plan, request, id } = answer;
  const steps: ChunkStep[] = [];
  let token = 0;
  let signed = false;
  for (const block of plan.blocks) {
    const last = token + block.pieces.length - 1;
    if (block.type === 'tool_use') {
      const call = wholeCall(block, id, token);
      if (call !== undefined && block.pieces.length > 0) {
        // Of several calls at once, the first alone is signed.
        const signature =
          signs(request) && !signed ? { thoughtSignature: signatureOf(id, token) } : {};
        signed = true;
        steps.push({
          chunk: frame(answer, [{ functionCall: call, ...signature }], last),
          token: { kind: 'json', text: JSON.stringify(call) },
          afterToken: last,
        });
      }
    } else if (block.type === 'text' || request.sendsThoughts) {
      steps.push(...textSteps(answer, block, token, steps.length === 0));
    }
    token = last + 1;
  }
  steps.push(endStep(answer, Math.max(0, token - 1)));
  return steps;
}

/** The first token goes alone, as soon as it is there; the others in groups. */
function textSteps(
  answer: Answer,
  block: PlannedBlock,
  firstToken: number,
  isFirst: boolean,
): ChunkStep[] {
  const steps: ChunkStep[] = [];
  const thought = block.kind === 'thinking' ? { thought: true } : {};
  for (let at = 0; at < block.pieces.length;) {
    const size = isFirst && at === 0 ? 1 : Math.max(1, answer.chunkTokens);
    const pieces = block.pieces.slice(at, at + size);
    const text = pieces.join('');
    at += pieces.length;
    const afterToken = firstToken + at - 1;
    steps.push({
      chunk: frame(answer, [{ text, ...thought }], afterToken),
      token: { kind: block.kind, text },
      afterToken,
    });
  }
  return steps;
}

/** The chunk that ends the answer. It says nothing new; generation 3 signs it. */
function endStep(answer: Answer, lastToken: number): ChunkStep {
  const { request, id } = answer;
  const signature = signs(request) ? { thoughtSignature: signatureOf(id, -1) } : {};
  const chunk = frame(answer, [{ text: '', ...signature }], lastToken, answer.finishReason);
  return { chunk, token: undefined, afterToken: lastToken };
}

/** The answer to a prompt that is refused as such. */
export function blockedChunk(answer: Answer, blockReason: string): Chunk {
  return {
    promptFeedback: { blockReason },
    usageMetadata: usageMetadata(answer, -1),
    modelVersion: answer.request.model,
    responseId: answer.id,
  };
}

export function frame(
  answer: Answer,
  parts: readonly object[],
  upToToken: number,
  finishReason?: string,
): Chunk {
  const end = finishReason === undefined ? {} : { finishReason };
  return {
    candidates: [{ content: { parts, role: 'model' }, ...end, index: 0 }],
    usageMetadata: usageMetadata(answer, upToToken),
    modelVersion: answer.request.model,
    responseId: answer.id,
  };
}

/** Counts are those of the answer so far. */
function usageMetadata({ plan, usage }: Answer, upToToken: number): object {
  const prompt =
    usage.inputTokens +
    usage.cacheReadTokens +
    usage.cacheCreation5mTokens +
    usage.cacheCreation1hTokens;
  const thoughts = Math.min(plan.thinkingTokens, upToToken + 1);
  const said = upToToken + 1 - thoughts;
  return {
    promptTokenCount: prompt,
    ...(usage.cacheReadTokens === 0 ? {} : { cachedContentTokenCount: usage.cacheReadTokens }),
    ...(said === 0 ? {} : { candidatesTokenCount: said }),
    ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
    totalTokenCount: prompt + said + thoughts,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: prompt }],
  };
}

/** A call that `maxOutputTokens` cut is not sent at all. */
function wholeCall(block: PlannedBlock, id: string, place: number): object | undefined {
  try {
    const args: unknown = JSON.parse(block.pieces.join(''));
    return { name: block.toolName, args, id: `call_${id}_${place}` };
  } catch {
    return undefined;
  }
}
