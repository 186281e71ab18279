import type { LlmBlock, LlmMessage } from './port.ts';

type ToolCall = Extract<LlmBlock, { kind: 'tool-call' }>;
type ToolResult = Extract<LlmBlock, { kind: 'tool-result' }>;

/** A turn of a history that every model accepts. */
export type Turn =
  | {
      readonly role: 'user';
      /** One for each call of the turn before, in the order of the calls. */
      readonly results: readonly { readonly call: ToolCall; readonly result: ToolResult }[];
      /** Not blank; empty only where there are results. */
      readonly texts: readonly string[];
    }
  | {
      readonly role: 'assistant';
      readonly content: readonly (LlmBlock & { kind: AssistantKind })[];
    };

type AssistantKind = 'text' | 'tool-call';

/** Stands for the caller picking up, where the history begins with our greeting. */
const CALL_BEGINS = '(The call begins.)';
/** Stands for the caller's silence: models refuse a history that ends with themselves. */
const CONTINUE = '(The caller is silent.)';

/**
 * The history as models ask for it: it begins and ends with the user, roles alternate, no text is
 * blank, and every tool call is followed at once by its result. What is missing is filled in, so
 * that an interrupted turn never makes the next request invalid; foreign results are dropped.
 */
export function completeTurns(messages: readonly LlmMessage[]): Turn[] {
  const merged = mergeRoles(messages);
  if (merged[0]?.role !== 'user') merged.unshift(userSays(CALL_BEGINS));
  if (merged.at(-1)?.role !== 'user') merged.push(userSays(CONTINUE));
  const turns: Turn[] = [];
  let openCalls: ToolCall[] = [];
  for (const { role, content } of merged) {
    if (role === 'assistant') {
      openCalls = content.filter((block) => block.kind === 'tool-call');
      turns.push({ role, content: content.filter((block) => block.kind !== 'tool-result') });
    } else {
      turns.push(userTurn(content, openCalls));
      openCalls = [];
    }
  }
  return turns;
}

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

function userTurn(content: readonly LlmBlock[], openCalls: readonly ToolCall[]): Turn {
  const given = new Map<string, ToolResult>();
  for (const block of content) {
    if (block.kind === 'tool-result' && !given.has(block.id)) given.set(block.id, block);
  }
  const results = openCalls.map((call) => ({ call, result: given.get(call.id) ?? lost(call.id) }));
  const texts = content.flatMap((block) => (block.kind === 'text' ? [block.text] : []));
  const isSilent = results.length === 0 && texts.length === 0;
  return { role: 'user', results, texts: isSilent ? [CONTINUE] : texts };
}

function lost(id: string): ToolResult {
  return { kind: 'tool-result', id, content: 'cancelled', isError: true };
}
