import type { MessagesRequest, Usage } from './types.ts';
import type { Plan, PlannedBlock } from './plan.ts';

export type ServerEvent = { readonly type: string } & Record<string, unknown>;

/** One moment of the stream: the events that leave together, and the token among them, if any. */
export type StreamStep = {
  readonly events: readonly ServerEvent[];
  readonly token:
    { readonly kind: 'text' | 'thinking' | 'json'; readonly text: string } | undefined;
};

/** An answer as the steps of its stream: one per token, then the end. */
export function streamSteps(
  plan: Plan,
  request: MessagesRequest,
  usage: Usage,
  id: string,
): StreamStep[] {
  const steps: StreamStep[] = [];
  let pending: ServerEvent[] = [messageStart(request, usage, id), { type: 'ping' }];
  for (const [index, block] of plan.blocks.entries()) {
    pending.push({
      type: 'content_block_start',
      index,
      content_block: emptyBlock(block, id, index),
    });
    for (const piece of block.pieces) {
      const omitted = block.kind === 'thinking' && request.thinking?.display === 'omitted';
      if (!omitted)
        pending.push({ type: 'content_block_delta', index, delta: delta(block, piece) });
      steps.push({ events: pending, token: { kind: block.kind, text: piece } });
      pending = [];
    }
    if (block.type === 'thinking') {
      const signature = Buffer.from(`thinking ${id}`).toString('base64');
      pending.push({
        type: 'content_block_delta',
        index,
        delta: { type: 'signature_delta', signature },
      });
    }
    pending.push({ type: 'content_block_stop', index });
  }
  pending.push(
    {
      type: 'message_delta',
      delta: {
        stop_reason: plan.stopReason,
        stop_sequence: plan.stopSequence,
        stop_details: plan.stopReason === 'refusal' ? { type: 'refusal', category: null } : null,
      },
      usage: {
        input_tokens: usage.inputTokens,
        cache_creation_input_tokens: usage.cacheCreation5mTokens + usage.cacheCreation1hTokens,
        cache_read_input_tokens: usage.cacheReadTokens,
        output_tokens: Math.max(1, plan.tokens),
        output_tokens_details: { thinking_tokens: plan.thinkingTokens },
      },
    },
    { type: 'message_stop' },
  );
  steps.push({ events: pending, token: undefined });
  return steps;
}

/** The answer as one JSON body, for requests without `stream`. */
export function wholeMessage(
  plan: Plan,
  request: MessagesRequest,
  usage: Usage,
  id: string,
): object {
  return {
    ...messageFrame(request, id),
    content: plan.blocks.map((block, index) => {
      const joined = block.pieces.join('');
      const empty = emptyBlock(block, id, index);
      if (block.type === 'text') return { ...empty, text: joined };
      if (block.type === 'thinking') {
        return {
          ...empty,
          thinking: joined,
          signature: Buffer.from(`thinking ${id}`).toString('base64'),
        };
      }
      return { ...empty, input: parseOrEmpty(joined) };
    }),
    stop_reason: plan.stopReason,
    stop_sequence: plan.stopSequence,
    usage: {
      ...usageBody(usage, plan.tokens),
      output_tokens_details: { thinking_tokens: plan.thinkingTokens },
    },
  };
}

export function messageStart(request: MessagesRequest, usage: Usage, id: string): ServerEvent {
  return {
    type: 'message_start',
    message: { ...messageFrame(request, id), usage: usageBody(usage, 1) },
  };
}

function messageFrame(request: MessagesRequest, id: string): Record<string, unknown> {
  return {
    id,
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
  };
}

function usageBody(usage: Usage, outputTokens: number): Record<string, unknown> {
  return {
    input_tokens: usage.inputTokens,
    cache_creation_input_tokens: usage.cacheCreation5mTokens + usage.cacheCreation1hTokens,
    cache_read_input_tokens: usage.cacheReadTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheCreation5mTokens,
      ephemeral_1h_input_tokens: usage.cacheCreation1hTokens,
    },
    output_tokens: outputTokens,
    service_tier: 'standard',
    speed: 'standard',
    inference_geo: 'global',
  };
}

function emptyBlock(block: PlannedBlock, id: string, index: number): Record<string, unknown> {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: '' };
    case 'thinking':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool_use':
      return {
        type: 'tool_use',
        id: `toolu_${id.slice(4)}_${index}`,
        name: block.toolName,
        input: {},
        caller: { type: 'direct' },
      };
  }
}

function delta(block: PlannedBlock, piece: string): Record<string, unknown> {
  switch (block.kind) {
    case 'text':
      return { type: 'text_delta', text: piece };
    case 'thinking':
      return { type: 'thinking_delta', thinking: piece };
    case 'json':
      return { type: 'input_json_delta', partial_json: piece };
  }
}

/** A tool call cut short by `max_tokens` has no parsable input; the vendor then reports none. */
function parseOrEmpty(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
