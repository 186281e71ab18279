import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSpeakRequest } from '../../emulators/deepgram/speak-request.ts';
import { validateRequest } from '../../emulators/gemini/validate.ts';

const PROPER = {
  contents: [
    { role: 'user', parts: [{ text: 'I have a cat.' }] },
    {
      role: 'model',
      parts: [{ functionCall: { name: 'remember', args: {} }, thoughtSignature: 'c2ln' }],
    },
    { role: 'user', parts: [{ functionResponse: { name: 'remember', response: { output: '' } } }] },
  ],
  systemInstruction: { role: 'user', parts: [{ text: 'Be kind.' }] },
  tools: [{ functionDeclarations: [{ name: 'remember', parametersJsonSchema: {} }] }],
  generationConfig: { maxOutputTokens: 10, thinkingConfig: { thinkingLevel: 'MINIMAL' } },
};

/** The proper request with one value, at any depth, replaced. */
const mutated = fc.tuple(fc.nat(40), fc.anything({ maxDepth: 2 })).map(([place, value]) => {
  let left = place;
  const walk = (node: unknown): unknown => {
    left -= 1;
    if (left === -1) return value;
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(PROPER);
});

describe('requests of any shape', () => {
  test('Gemini: are accepted or refused with a reason, never thrown at', () => {
    expect(validateRequest('gemini-3.5-flash-lite', 'v1', PROPER, () => true).ok).toBe(true);
    const verdicts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(fc.oneof(mutated, fc.anything()), (body) => {
        const verdict = validateRequest('gemini-3.5-flash-lite', 'v1', body, () => true);
        verdicts[verdict.ok ? 'accepted' : 'refused'] += 1;
        if (!verdict.ok) expect(verdict.message).not.toBe('');
      }),
      { numRuns: 10_000 },
    );
    expect(verdicts.accepted).toBeGreaterThan(500);
    expect(verdicts.refused).toBeGreaterThan(5_000);
  });

  test('Aura: are accepted or refused with a reason, never thrown at', () => {
    const query = fc.dictionary(
      fc.constantFrom('model', 'encoding', 'sample_rate', 'container', 'speed', 'voice'),
      fc.oneof(fc.constantFrom('aura-2-thalia-en', 'mulaw', '8000', 'none', '0.9'), fc.string()),
    );
    const telephone = { encoding: 'mulaw', sample_rate: '8000', container: 'none' };
    const proper = query.map((given) => ({ ...telephone, speed: given['speed'] ?? '1' }));
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc.string().map((text) => JSON.stringify({ text })),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(query, proper), body, (given, text) => {
        const verdict = readSpeakRequest(new URLSearchParams(given), text);
        if (!verdict.ok) {
          expect(verdict.refusal.message).not.toBe('');
          return;
        }
        accepted += 1;
        expect(verdict.value.text.trim()).not.toBe('');
        expect(verdict.value.speed).toBeGreaterThanOrEqual(0.7);
      }),
      { numRuns: 10_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });
});
