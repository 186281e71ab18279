import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toClaudeMessages } from '../../adapters/llm/claude-messages.ts';
import type { LlmBlock, LlmMessage } from '../../adapters/llm/port.ts';

const text = (value: string): LlmBlock => ({ kind: 'text', text: value });
const call = (id: string): LlmBlock => ({ kind: 'tool-call', id, name: 'remember', input: {} });
const result = (id: string): LlmBlock => ({
  kind: 'tool-result',
  id,
  content: 'ok',
  isError: false,
});
const user = (...content: LlmBlock[]): LlmMessage => ({ role: 'user', content });
const assistant = (...content: LlmBlock[]): LlmMessage => ({ role: 'assistant', content });

describe('the history for Claude', () => {
  test('neighbours of one role become one message', () => {
    expect(toClaudeMessages([user(text('Hello.')), user(text('Are you there?'))])).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hello.' },
          { type: 'text', text: 'Are you there?' },
        ],
      },
    ]);
  });

  test('begins and ends with the user, also after our greeting', () => {
    const messages = toClaudeMessages([assistant(text('Good morning. '))]);
    expect(messages.map((m) => m.role)).toEqual(['user', 'assistant', 'user']);
    expect(messages[1]?.content).toEqual([{ type: 'text', text: 'Good morning.' }]);
  });

  test('case 34: a call without its result gets a cancelled one, before the words', () => {
    const messages = toClaudeMessages([
      user(text('Hi')),
      assistant(call('t1')),
      user(text('Wait!')),
    ]);
    expect(messages[2]?.content).toEqual([
      { type: 'tool_result', tool_use_id: 't1', content: 'cancelled', is_error: true },
      { type: 'text', text: 'Wait!' },
    ]);
  });

  test('a result without its call is dropped, and so is the second one for a call', () => {
    const messages = toClaudeMessages([
      user(text('Hi'), result('t0')),
      assistant(call('t1')),
      user(result('t1'), result('t1'), result('t9')),
    ]);
    expect(messages[0]?.content).toEqual([{ type: 'text', text: 'Hi' }]);
    expect(messages[2]?.content).toHaveLength(1);
  });

  test('any history becomes a valid one', () => {
    const block = fc.oneof(
      fc.constantFrom('', '  ', 'Yes.', 'No. ').map(text),
      fc.constantFrom('a', 'b').map(call),
      fc.constantFrom('a', 'b').map(result),
    );
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant'),
      content: fc.array(block, { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (history) => {
        const sent = toClaudeMessages(history);
        let open = new Set<string>();
        expect(sent[0]?.role).toBe('user');
        expect(sent.at(-1)?.role).toBe('user');
        for (const [index, { role, content }] of sent.entries()) {
          expect(role).toBe(index % 2 === 0 ? 'user' : 'assistant');
          const blocks = content as {
            type: string;
            text?: string;
            id?: string;
            tool_use_id?: string;
          }[];
          expect(blocks.length).toBeGreaterThan(0);
          for (const each of blocks) {
            if (each.type === 'text') expect(each.text?.trim()).not.toBe('');
            if (each.type === 'tool_result') expect(open.delete(each.tool_use_id ?? '')).toBe(true);
          }
          expect(open.size).toBe(0);
          open = new Set(
            blocks.flatMap((each) => (each.type === 'tool_use' ? [each.id ?? ''] : [])),
          );
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
