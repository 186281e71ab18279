import { Invalid, isRecord, readCacheControl } from './invalid.ts';
import type { Block, RequestMessage } from './types.ts';

const USER_BLOCKS = new Set(['text', 'image', 'document', 'tool_result', 'search_result']);
const ASSISTANT_BLOCKS = new Set(['text', 'thinking', 'redacted_thinking', 'tool_use']);
const SYSTEM_BLOCKS = new Set(['text']);

/**
 * Validates `messages`. Consecutive messages of one role are allowed (the vendor combines them);
 * the first must be the user's, and with `refusePrefill` so must the last.
 */
export function checkMessages(value: unknown, refusePrefill: boolean): RequestMessage[] {
  if (value === undefined) throw new Invalid('messages: Field required');
  if (!Array.isArray(value)) throw new Invalid('messages: Input should be a valid list');
  if (value.length === 0) throw new Invalid('messages: at least one message is required');
  const messages = value.map((message: unknown, index) => readMessage(message, index));
  const conversation = messages.filter((message) => message.role !== 'system');
  if (conversation[0]?.role !== 'user') {
    throw new Invalid('messages: first message must use the "user" role');
  }
  if (refusePrefill && conversation.at(-1)?.role === 'assistant') {
    throw new Invalid(
      'This model does not support assistant message prefill. The conversation must end with a user message.',
    );
  }
  checkToolPairs(messages);
  return messages;
}

function readMessage(value: unknown, index: number): RequestMessage {
  const path = `messages.${index}`;
  if (!isRecord(value)) throw new Invalid(`${path}: Input should be an object`);
  for (const field of Object.keys(value)) {
    if (field !== 'role' && field !== 'content') {
      throw new Invalid(`${path}.${field}: Extra inputs are not permitted`);
    }
  }
  const role = value['role'];
  if (role !== 'user' && role !== 'assistant' && role !== 'system') {
    throw new Invalid(`${path}.role: Input should be 'user', 'assistant' or 'system'`);
  }
  const content = value['content'];
  if (content === undefined) throw new Invalid(`${path}.content: Field required`);
  if (content === '' || (Array.isArray(content) && content.length === 0)) {
    throw new Invalid(
      `${path}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  const allowed =
    role === 'user' ? USER_BLOCKS : role === 'assistant' ? ASSISTANT_BLOCKS : SYSTEM_BLOCKS;
  return { role, content: readBlocks(content, `${path}.content`, allowed) };
}

/** A string or a list of blocks, as a list of blocks. */
export function readBlocks(value: unknown, path: string, allowed: ReadonlySet<string>): Block[] {
  if (typeof value === 'string') {
    if (value === '') return [];
    if (value.trim() === '') {
      throw new Invalid('messages: text content blocks must contain non-whitespace text');
    }
    return [{ type: 'text', text: value }];
  }
  if (!Array.isArray(value)) throw new Invalid(`${path}: Input should be a valid list`);
  return value.map((block: unknown, index) => readBlock(block, `${path}.${index}`, allowed));
}

function readBlock(value: unknown, path: string, allowed: ReadonlySet<string>): Block {
  if (!isRecord(value)) throw new Invalid(`${path}: Input should be an object`);
  const type = value['type'];
  if (typeof type !== 'string') throw new Invalid(`${path}.type: Field required`);
  if (!allowed.has(type)) {
    const expected = [...allowed].map((name) => `'${name}'`).join(', ');
    throw new Invalid(
      `${path}: Input tag '${type}' found using 'type' does not match any of the expected tags: ${expected}`,
    );
  }
  if (type === 'text') {
    if (typeof value['text'] !== 'string') throw new Invalid(`${path}.text.text: Field required`);
    if (value['text'] === '') throw new Invalid('messages: text content blocks must be non-empty');
    if (value['text'].trim() === '') {
      throw new Invalid('messages: text content blocks must contain non-whitespace text');
    }
  }
  if (type === 'tool_use') {
    for (const field of ['id', 'name'] as const) {
      if (typeof value[field] !== 'string')
        throw new Invalid(`${path}.tool_use.${field}: Field required`);
    }
    if (!isRecord(value['input'])) {
      throw new Invalid(`${path}.tool_use.input: Input should be a valid dictionary`);
    }
  }
  if (type === 'tool_result' && typeof value['tool_use_id'] !== 'string') {
    throw new Invalid(`${path}.tool_result.tool_use_id: Field required`);
  }
  if (type === 'thinking' && typeof value['signature'] !== 'string') {
    throw new Invalid(`${path}.thinking.signature: Field required`);
  }
  readCacheControl(value['cache_control'], `${path}.${type}.cache_control`);
  return value as Block;
}

type Turn = { role: 'user' | 'assistant'; content: Block[]; firstIndex: number };

/** Every tool use is answered in the very next turn, and no result answers nothing. */
function checkToolPairs(messages: readonly RequestMessage[]): void {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === 'system') continue;
    const last = turns.at(-1);
    if (last?.role === message.role) last.content.push(...message.content);
    else turns.push({ role: message.role, content: [...message.content], firstIndex: index });
  }
  const seen = new Set<string>();
  for (const [position, turn] of turns.entries()) {
    if (turn.role === 'assistant') checkUses(turn, turns[position + 1], seen);
    else checkResults(turn, turns[position - 1]);
  }
}

function checkUses(turn: Turn, next: Turn | undefined, seen: Set<string>): void {
  const ids = turn.content.filter((b) => b.type === 'tool_use').map((b) => b.id ?? '');
  for (const id of ids) {
    if (seen.has(id)) throw new Invalid('messages: `tool_use` ids must be unique');
    seen.add(id);
  }
  const answered = new Set(
    next?.content.filter((b) => b.type === 'tool_result').map((b) => b.tool_use_id) ?? [],
  );
  const missing = ids.filter((id) => !answered.has(id));
  if (missing.length > 0) {
    throw new Invalid(
      `messages.${turn.firstIndex}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    );
  }
}

function checkResults(turn: Turn, previous: Turn | undefined): void {
  const asked = new Set(
    previous?.content.filter((b) => b.type === 'tool_use').map((b) => b.id) ?? [],
  );
  const answered = new Set<string>();
  let otherSeen = false;
  for (const block of turn.content) {
    if (block.type !== 'tool_result') {
      otherSeen = true;
      continue;
    }
    const id = block.tool_use_id ?? '';
    if (!asked.has(id)) {
      throw new Invalid(
        `messages.${turn.firstIndex}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    }
    if (answered.has(id)) {
      throw new Invalid(
        'messages: each tool_use must have a single result. Found multiple `tool_result` blocks with id: ' +
          id,
      );
    }
    if (otherSeen) {
      throw new Invalid(
        `messages.${turn.firstIndex}: \`tool_result\` blocks must come before other content in the message`,
      );
    }
    answered.add(id);
  }
}
