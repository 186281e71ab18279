import { estimateTokens, splitTokens } from './tokens.ts';
import type { AnthropicScript, MessagesRequest, ReplyBlock, ReplyScript } from './types.ts';

export type PieceKind = 'text' | 'thinking' | 'json';

export type PlannedBlock = {
  readonly type: ReplyBlock['type'];
  readonly toolName: string | undefined;
  readonly kind: PieceKind;
  /** One piece per token, in order. */
  readonly pieces: readonly string[];
};

/** A whole answer, decided before its first token leaves. */
export type Plan = {
  readonly blocks: readonly PlannedBlock[];
  readonly stopReason: string;
  readonly stopSequence: string | null;
  readonly tokens: number;
  readonly thinkingTokens: number;
  /** The text blocks joined: what a listener would hear. */
  readonly text: string;
  readonly firstTokenMs: number;
  readonly tokensPerSecond: number;
};

/** Cuts a reply into tokens and applies `max_tokens`, `stop_sequences` and default thinking. */
export function planReply(
  reply: ReplyScript | string,
  request: MessagesRequest,
  script: AnthropicScript,
): Plan {
  const scripted: ReplyScript =
    typeof reply === 'string' ? { blocks: [{ type: 'text', text: reply }] } : reply;
  const wanted = [...scripted.blocks];
  if (thinksByDefault(request) && !wanted.some((block) => block.type === 'thinking')) {
    wanted.unshift({ type: 'thinking', thinking: thinkingText(script.thinkingTokens) });
  }
  const stop = applyStopSequences(wanted, request.stopSequences);
  const blocks: PlannedBlock[] = [];
  let left = request.maxTokens;
  let cutByLimit = request.maxTokens === 0;
  for (const block of stop.blocks) {
    if (cutByLimit) break;
    const planned = planBlock(block, script.splitSeed);
    const pieces = planned.pieces.slice(0, left);
    cutByLimit = pieces.length < planned.pieces.length;
    left -= pieces.length;
    blocks.push({ ...planned, pieces });
  }
  const usesTool = blocks.some((block) => block.type === 'tool_use');
  const natural = scripted.stopReason ?? (usesTool ? 'tool_use' : 'end_turn');
  return {
    blocks,
    stopReason: cutByLimit ? 'max_tokens' : stop.sequence ? 'stop_sequence' : natural,
    stopSequence: cutByLimit ? null : stop.sequence,
    tokens: request.maxTokens - left,
    thinkingTokens: countPieces(blocks, 'thinking'),
    text: blocks.map((b) => (b.type === 'text' ? b.pieces.join('') : '')).join(''),
    firstTokenMs: scripted.firstTokenMs ?? script.firstTokenMs,
    tokensPerSecond: scripted.tokensPerSecond ?? script.tokensPerSecond,
  };
}

/** claude-haiku-5-5 and its generation think unless told not to. */
function thinksByDefault(request: MessagesRequest): boolean {
  if (request.thinking === undefined) return /^claude-[a-z]+-5/.test(request.model);
  return request.thinking.type === 'adaptive' || request.thinking.type === 'enabled';
}

function thinkingText(tokens: number): string {
  const words =
    'They said a thing that means a lot to them. I will answer it kindly and in brief.'.split(' ');
  return Array.from({ length: tokens }, (_, i) => words[i % words.length]).join(' ');
}

function planBlock(block: ReplyBlock, seed: number | undefined): PlannedBlock {
  switch (block.type) {
    case 'text':
      return piecesOf(block.type, undefined, 'text', splitTokens(block.text, seed));
    case 'thinking':
      return piecesOf(block.type, undefined, 'thinking', splitTokens(block.thinking, seed));
    case 'tool_use':
      return piecesOf(block.type, block.name, 'json', splitJson(block.input, seed));
  }
}

function piecesOf(
  type: ReplyBlock['type'],
  toolName: string | undefined,
  kind: PieceKind,
  pieces: readonly string[],
): PlannedBlock {
  return { type, toolName, kind, pieces };
}

/** Tool input as partial JSON: the first piece is empty, as the vendor's is. */
function splitJson(input: unknown, seed: number | undefined): string[] {
  const json = JSON.stringify(input ?? {});
  return ['', ...(seed === undefined ? (json.match(/.{1,6}/gs) ?? []) : splitTokens(json, seed))];
}

function applyStopSequences(
  blocks: readonly ReplyBlock[],
  sequences: readonly string[],
): { blocks: ReplyBlock[]; sequence: string | null } {
  const kept: ReplyBlock[] = [];
  for (const block of blocks) {
    if (block.type !== 'text') {
      kept.push(block);
      continue;
    }
    const hits = sequences
      .map((sequence) => ({ sequence, at: block.text.indexOf(sequence) }))
      .filter((hit) => hit.at >= 0)
      .sort((a, b) => a.at - b.at);
    const first = hits[0];
    if (first) {
      if (first.at > 0) kept.push({ type: 'text', text: block.text.slice(0, first.at) });
      return { blocks: kept, sequence: first.sequence };
    }
    kept.push(block);
  }
  return { blocks: kept, sequence: null };
}

function countPieces(blocks: readonly PlannedBlock[], kind: PieceKind): number {
  return blocks.reduce((sum, block) => sum + (block.kind === kind ? block.pieces.length : 0), 0);
}

/** What `count_tokens` answers: the prompt's size by the same estimate as `usage`. */
export function countPromptTokens(request: MessagesRequest): number {
  return estimateTokens(
    JSON.stringify([request.tools, request.system, request.messages.map((m) => m.content)]),
  );
}
