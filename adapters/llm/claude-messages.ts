import type { MessageParam } from '@anthropic-ai/sdk/resources/messages';
import type { LlmMessage } from './port.ts';
import { completeTurns } from './turns.ts';

/** The history as the Messages API accepts it; results come first in their message, as it asks. */
export function toClaudeMessages(messages: readonly LlmMessage[]): MessageParam[] {
  return completeTurns(messages).map((turn): MessageParam => {
    if (turn.role === 'user') {
      const results = turn.results.map(({ result }) => ({
        type: 'tool_result' as const,
        tool_use_id: result.id,
        content: result.content,
        is_error: result.isError,
      }));
      const texts = turn.texts.map((text) => ({ type: 'text' as const, text }));
      return { role: 'user', content: [...results, ...texts] };
    }
    return {
      role: 'assistant',
      content: turn.content.map((block) =>
        block.kind === 'text'
          ? { type: 'text', text: block.text.trimEnd() }
          : { type: 'tool_use', id: block.id, name: block.name, input: block.input },
      ),
    };
  });
}
