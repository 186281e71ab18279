import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SignedCalls, toGeminiContents } from '../../adapters/llm/gemini-messages.ts';
import { GeminiStream } from '../../adapters/llm/gemini-stream.ts';
import type { LlmBlock, LlmMessage } from '../../adapters/llm/port.ts';
import { readContents } from '../../emulators/gemini/validate-contents.ts';

const MODEL = 'gemini-3.5-flash-lite';
const call = (id: string): LlmBlock => ({ kind: 'tool-call', id, name: 'remember', input: {} });
const result = (id: string): LlmBlock => ({
  kind: 'tool-result',
  id,
  content: 'ok',
  isError: false,
});

describe('the history for Gemini', () => {
  test("any history becomes one that the vendor's rules allow", () => {
    const block = fc.oneof(
      fc.constantFrom('', '  ', 'Yes.', 'No. ').map((text): LlmBlock => ({ kind: 'text', text })),
      fc.constantFrom('a', 'b', 'c').map(call),
      fc.constantFrom('a', 'b', 'c').map(result),
    );
    const message: fc.Arbitrary<LlmMessage> = fc.record({
      role: fc.constantFrom('user', 'assistant'),
      content: fc.array(block, { maxLength: 4 }),
    });
    const known = new SignedCalls();
    known.remember({ id: 'b', vendorId: 'b', signature: 'c2lnbmVk' });
    known.remember({ id: 'c', vendorId: undefined, signature: undefined });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (history) => {
        const sent = toGeminiContents(history, MODEL, known);
        const read = readContents(sent, MODEL, (signature) => signature === 'c2lnbmVk');
        expect(read).toEqual(sent);
      }),
      { numRuns: 10_000 },
    );
  });

  test('forgets the oldest calls, and never holds more than a thousand', () => {
    const calls = new SignedCalls();
    for (let i = 0; i < 1_500; i += 1) {
      calls.remember({ id: `${i}`, vendorId: undefined, signature: 's' });
    }
    expect(calls.find('499')).toBeUndefined();
    expect(calls.find('500')?.signature).toBe('s');
  });
});

const usageMetadata = { promptTokenCount: 12, candidatesTokenCount: 3, totalTokenCount: 15 };
const says = (...parts: object[]) => ({
  candidates: [{ content: { parts, role: 'model' }, index: 0 }],
  usageMetadata,
});
const PROPER: readonly Record<string, unknown>[] = [
  says({ text: 'Hel' }),
  says({ text: 'lo' }),
  says({ text: 'hm', thought: true }),
  says({ functionCall: { name: 'remember', args: { fact: 'cat' }, id: 'c1' } }),
  says({ functionCall: { name: 'remember' }, thoughtSignature: 'c2ln' }),
  { candidates: [{ content: { parts: [{ text: '' }], role: 'model' }, finishReason: 'STOP' }] },
  { candidates: [{ finishReason: 'MAX_TOKENS', index: 0 }] },
  { promptFeedback: { blockReason: 'SAFETY' } },
  { usageMetadata, modelVersion: MODEL },
];

const anything = fc.oneof(fc.anything({ maxDepth: 4 }), fc.json(), fc.string());

/** A proper chunk with one value, at any depth, replaced. */
const mutated = fc
  .tuple(fc.constantFrom(...PROPER), fc.nat(30), anything)
  .map(([chunk, place, value]) => {
    let left = place;
    const walk = (node: unknown): unknown => {
      if (left === 0) {
        left -= 1;
        return value;
      }
      left -= 1;
      if (Array.isArray(node)) return node.map(walk);
      if (typeof node !== 'object' || node === null) return node;
      return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]));
    };
    return walk(chunk);
  });

describe('a stream of Gemini', () => {
  test('any sequence of chunks ends in content or garbage, never in a throw', () => {
    const chunk = fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom<unknown>(...PROPER) },
      { weight: 4, arbitrary: mutated },
      { weight: 1, arbitrary: anything },
    );
    let garbage = 0;
    let whole = 0;
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 12 }), (raws) => {
        let ids = 0;
        const stream = new GeminiStream(() => `own-${(ids += 1)}`);
        const calls: string[] = [];
        for (const raw of raws) {
          const stopped = stream.stopped;
          const step = stream.take(raw);
          if (step.kind === 'garbage') {
            garbage += 1;
            return;
          }
          if (stopped) expect(step.events).toEqual([]);
          for (const event of step.events) {
            if (event.kind === 'text') expect(event.text).not.toBe('');
            if (event.kind === 'tool-call') {
              expect(event.input).toBeTypeOf('object');
              calls.push(event.id);
            }
          }
          expect(step.moved).toBe(step.events.length > 0);
        }
        expect(new Set(calls).size).toBe(calls.length);
        const { done } = stream;
        if (done === undefined) return;
        whole += 1;
        if (done.kind !== 'done') throw new Error('not an end');
        for (const count of Object.values(done.usage)) expect(count).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 6_000 },
    );
    expect(garbage).toBeGreaterThan(600);
    expect(whole).toBeGreaterThan(300);
  });

  test('the same words again are new when the count of tokens has grown', () => {
    const stream = new GeminiStream(() => 'own');
    const chunk = (candidatesTokenCount: number) => ({
      ...says({ text: 'ha ' }),
      usageMetadata: { candidatesTokenCount },
    });
    const texts = [1, 1, 2, 2, 3].map((count) => {
      const step = stream.take(chunk(count));
      return step.kind === 'events' ? step.events.length : -1;
    });
    expect(texts).toEqual([1, 0, 1, 0, 1]);
    const uncounted = { candidates: [{ content: { parts: [{ text: 'ha ' }] } }] };
    expect([0, 1].map(() => stream.take(uncounted))).toMatchObject([
      { events: [{ text: 'ha ' }] },
      { events: [{ text: 'ha ' }] },
    ]);
  });

  test('a reply beyond all measure is garbage', () => {
    const stream = new GeminiStream(() => 'own');
    const big = says({ functionCall: { name: 'remember', args: { fact: 'x'.repeat(60_000) } } });
    expect(stream.take(big).kind).toBe('events');
    expect(stream.take({ ...big, usageMetadata: {} }).kind).toBe('garbage');
  });
});
