import { createHash } from 'node:crypto';
import { estimateTokens } from './tokens.ts';
import type { CacheControl, MessagesRequest, Usage } from './types.ts';

const TTL_MS = { '5m': 300_000, '1h': 3_600_000 } as const;
/** How many blocks before a breakpoint the vendor looks for an earlier entry. */
const LOOKBACK_BLOCKS = 20;
const MAX_ENTRIES = 20_000;

type Part = { readonly text: string; readonly mark: CacheControl | undefined };
type Entry = { readonly tokens: number; readonly ttl: '5m' | '1h'; expiresAtMs: number };

export type CachePlan = {
  readonly usage: Usage;
  /** Writes the new entries; the vendor does so when the answer begins. */
  commit(): void;
};

/**
 * The vendor's prompt cache: entries are written only at marked blocks, found again by the exact
 * prefix (tools, then system, then messages) up to a marked block or one of the twenty before it,
 * kept per key and model for their ttl since last use. Prefixes under the model's minimum are not
 * cached, silently.
 */
export class PromptCache {
  readonly #entries = new Map<string, Entry>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  plan(apiKey: string, request: MessagesRequest): CachePlan {
    const parts = promptParts(request);
    const hash = createHash('sha256').update(`${apiKey}\n${request.model}\n`);
    const prefixes: { key: string; tokens: number; mark: CacheControl | undefined }[] = [];
    let tokens = 0;
    for (const part of parts) {
      hash.update(`${part.text.length}:`).update(part.text);
      tokens += estimateTokens(part.text);
      prefixes.push({ key: hash.copy().digest('base64'), tokens, mark: part.mark });
    }
    const minimum = minimumTokens(request.model);
    const now = this.#nowMs();
    const marked = prefixes.flatMap((p, index) => (p.mark && p.tokens >= minimum ? [index] : []));
    let readTokens = 0;
    for (const index of marked) {
      for (let at = index; at >= 0 && at >= index - LOOKBACK_BLOCKS; at -= 1) {
        const entry = this.#alive(prefixes[at]?.key ?? '', now);
        if (!entry) continue;
        entry.expiresAtMs = now + TTL_MS[entry.ttl];
        readTokens = Math.max(readTokens, entry.tokens);
        break;
      }
    }
    const created = { '5m': 0, '1h': 0 };
    const writes: { key: string; entry: Entry }[] = [];
    let covered = readTokens;
    for (const index of marked) {
      const prefix = prefixes[index];
      if (!prefix || prefix.tokens <= covered) continue;
      const ttl = prefix.mark?.ttl ?? '5m';
      created[ttl] += prefix.tokens - covered;
      covered = prefix.tokens;
      writes.push({
        key: prefix.key,
        entry: { tokens: prefix.tokens, ttl, expiresAtMs: now + TTL_MS[ttl] },
      });
    }
    return {
      usage: {
        inputTokens: tokens - covered,
        cacheReadTokens: readTokens,
        cacheCreation5mTokens: created['5m'],
        cacheCreation1hTokens: created['1h'],
      },
      commit: () => {
        for (const { key, entry } of writes) this.#write(key, entry);
      },
    };
  }

  #alive(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.expiresAtMs <= nowMs) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry;
  }

  #write(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAX_ENTRIES) break;
      this.#entries.delete(oldest);
    }
  }
}

/**
 * The shortest prompt that is cached, by the vendor's documentation: 512 tokens for
 * claude-haiku-5-5, 4096 for claude-haiku-4-5, 1024 elsewhere.
 */
function minimumTokens(model: string): number {
  if (model.startsWith('claude-haiku-5-5')) return 512;
  return model.startsWith('claude-haiku-4-5') ? 4096 : 1024;
}

function promptParts(request: MessagesRequest): Part[] {
  const parts: Part[] = [];
  const add = (kind: string, value: { cache_control?: CacheControl | null }): void => {
    const { cache_control: mark, ...rest } = value;
    parts.push({ text: `${kind}${JSON.stringify(rest)}`, mark: mark ?? undefined });
  };
  for (const tool of request.tools) add('tool', tool);
  for (const block of request.system) add('system', block);
  for (const message of request.messages) {
    for (const block of message.content) add(message.role, block);
  }
  const last = parts.at(-1);
  if (request.cacheControl && last) {
    parts[parts.length - 1] = { text: last.text, mark: request.cacheControl };
  }
  return parts;
}
