import type { MessageParam, ToolResultBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { LlmBlock, LlmMessage } from './port.ts';

/**
 * The history as the Messages API accepts it: it begins and ends with the user, roles alternate, no
 * text is blank, and every tool call is followed at once by its result. What is missing is filled
 * in, so that an interrupted turn never makes the next request invalid.
 */
export function toClaudeMessages(messages: readonly LlmMessage[]): MessageParam[] {
  const merged = mergeRoles(messages);
  if (merged[0]?.role !== 'user') merged.unshift(userSays(CALL_BEGINS));
  if (merged.at(-1)?.role !== 'user') merged.push(userSays(CONTINUE));
  const out: MessageParam[] = [];
  let openCalls: string[] = [];
  for (const message of merged) {
    if (message.role === 'assistant') {
      openCalls = message.content.flatMap((b) => (b.kind === 'tool-call' ? [b.id] : []));
      out.push({ role: 'assistant', content: message.content.flatMap(assistantBlock) });
    } else {
      out.push({ role: 'user', content: userContent(message.content, openCalls) });
      openCalls = [];
    }
  }
  return out;
}

/** Stands for the caller picking up, where the history begins with our greeting. */
const CALL_BEGINS = '(The call begins.)';
/** Stands for the caller's silence: the model refuses a history that ends with itself. */
const CONTINUE = '(The caller is silent.)';

type Merged = { role: 'user' | 'assistant'; content: LlmBlock[] };

function userSays(text: string): Merged {
  return { role: 'user', content: [{ kind: 'text', text }] };
}

/**
 * Joins neighbours of one role and drops blank texts, blocks of the wrong role, calls that repeat an
 * id, and empty messages.
 */
function mergeRoles(messages: readonly LlmMessage[]): Merged[] {
  const merged: Merged[] = [];
  const usedIds = new Set<string>();
  for (const message of messages) {
    const content = message.content.filter(
      (block) =>
        belongs(block, message.role) && (block.kind !== 'tool-call' || isNew(block.id, usedIds)),
    );
    if (content.length === 0) continue;
    const last = merged.at(-1);
    if (last?.role === message.role) last.content.push(...content);
    else merged.push({ role: message.role, content: [...content] });
  }
  return merged;
}

function belongs(block: LlmBlock, role: 'user' | 'assistant'): boolean {
  switch (block.kind) {
    case 'text':
      return block.text.trim() !== '';
    case 'tool-call':
      return role === 'assistant';
    case 'tool-result':
      return role === 'user';
  }
}

/** Ids of calls must be unique in a history. */
function isNew(id: string, usedIds: Set<string>): boolean {
  if (usedIds.has(id)) return false;
  usedIds.add(id);
  return true;
}

type AssistantBlock = Exclude<MessageParam['content'], string>[number];

function assistantBlock(block: LlmBlock): AssistantBlock[] {
  switch (block.kind) {
    case 'text':
      return [{ type: 'text', text: block.text.trimEnd() }];
    case 'tool-call':
      return [{ type: 'tool_use', id: block.id, name: block.name, input: block.input }];
    case 'tool-result':
      return [];
  }
}

/** Results first, as the API asks; calls without one get a stand-in, foreign results are dropped. */
function userContent(
  content: readonly LlmBlock[],
  openCalls: readonly string[],
): Exclude<MessageParam['content'], string> {
  const results = new Map<string, ToolResultBlockParam>();
  for (const block of content) {
    if (block.kind !== 'tool-result' || results.has(block.id)) continue;
    results.set(block.id, toolResult(block.id, block.content, block.isError));
  }
  const answers = openCalls.map((id) => results.get(id) ?? toolResult(id, 'cancelled', true));
  const texts = content.flatMap((b) =>
    b.kind === 'text' ? [{ type: 'text' as const, text: b.text }] : [],
  );
  if (answers.length === 0 && texts.length === 0) return [{ type: 'text', text: CONTINUE }];
  return [...answers, ...texts];
}

function toolResult(id: string, content: string, isError: boolean): ToolResultBlockParam {
  return { type: 'tool_result', tool_use_id: id, content, is_error: isError };
}
