/** What the emulated recogniser and model saw of every turn, by the word that is the turn's own. */
import { lastToken } from '../../bench/calls/plan.ts';
import type { AnthropicEmulator } from '../../emulators/anthropic/server.ts';
import type { MessagesRequest } from '../../emulators/anthropic/types.ts';
import type { DeepgramEmulator } from '../../emulators/deepgram/types.ts';

/** The turns of one call that a model was shown, in order, in one request. */
export type ModelView = { readonly atMs: number; readonly tokens: readonly string[] };

export type Ledger = {
  /** When the recogniser told the end of a turn with this word; the first time. */
  finalAt(token: string): number | undefined;
  /** What models were shown of a call. */
  viewsOf(call: number): readonly ModelView[];
};

/** Every turn that is named in a text, in order. */
export function tokensIn(text: string): string[] {
  return text.match(/\bc\d{1,5}t\d{1,5}\b/g) ?? [];
}

/** Whether a request is part of a conversation, which has tools, and not of the work after it. */
export function isConversation({ tools }: Pick<MessagesRequest, 'tools'>): boolean {
  return tools.length > 0;
}

export function keepLedger(deepgram: DeepgramEmulator, anthropic: AnthropicEmulator): Ledger {
  const finals = new Map<string, number>();
  const views = new Map<number, ModelView[]>();
  deepgram.log.watch((entry) => {
    if (entry.what !== 'sent') return;
    const isEnd = entry.name === 'EndOfTurn' || entry.message['is_final'] === true;
    if (!isEnd) return;
    for (const token of tokensIn(JSON.stringify(entry.message))) {
      if (!finals.has(token)) finals.set(token, entry.atMs);
    }
  });
  anthropic.log.watch((entry) => {
    if (entry.what !== 'request' || !isConversation(entry)) return;
    const call = lastToken(entry.userText)?.call;
    if (call === undefined) return;
    const tokens = entry.messages
      .filter(({ role }) => role === 'user')
      .flatMap(({ content }) => content.flatMap((block) => tokensIn(block.text ?? '')));
    const list = views.get(call) ?? [];
    views.set(call, list);
    list.push({ atMs: entry.atMs, tokens });
  });
  return {
    finalAt: (token) => finals.get(token),
    viewsOf: (call) => views.get(call) ?? [],
  };
}
