import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClaudeStream } from '../../adapters/llm/claude-stream.ts';
import { parseFluxMessage } from '../../adapters/stt/flux-messages.ts';
import { FluxTurns } from '../../adapters/stt/flux-turns.ts';
import { parseNovaMessage } from '../../adapters/stt/nova-messages.ts';
import { NovaTurns } from '../../adapters/stt/nova-turns.ts';
import type { SttEvent } from '../../adapters/stt/port.ts';
import { parseElevenLabsMessage } from '../../adapters/tts/elevenlabs-messages.ts';
import { WordTimings } from '../../adapters/tts/word-timings.ts';

const RUNS = { numRuns: 10_000 };

const FLUX = {
  type: 'TurnInfo',
  request_id: 'r1',
  sequence_id: 7,
  event: 'EndOfTurn',
  turn_index: 0,
  audio_window_start: 0,
  audio_window_end: 1.84,
  transcript: 'book a table',
  words: [{ word: 'book', confidence: 0.98, start: 0.4, end: 0.62 }],
  end_of_turn_confidence: 0.83,
  trigger: 'model',
};
const NOVA = {
  type: 'Results',
  channel_index: [0, 1],
  start: 0,
  duration: 1.5,
  is_final: true,
  speech_final: true,
  channel: { alternatives: [{ transcript: 'book a table', confidence: 0.97, words: [] }] },
};
const ELEVENLABS = {
  audio: '/////w==',
  contextId: 'u1',
  isFinal: null,
  alignment: { chars: ['H', 'i'], charStartTimesMs: [0, 40], charDurationsMs: [40, 60] },
};
const CLAUDE = [
  { type: 'message_start', message: { usage: { input_tokens: 3, output_tokens: 1 } } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
  { type: 'content_block_stop', index: 0 },
  {
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'tool_use', id: 't', name: 'n' },
  },
  { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{' } },
  { type: 'content_block_stop', index: 1 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } },
  { type: 'message_stop' },
];

const anything = fc.oneof(fc.anything({ maxDepth: 3 }), fc.json(), fc.string());
const values = fc.oneof(
  fc.constantFrom(null, undefined, '', -1, 0, 1e300, Number.NaN, true, [], {}, 'x'.repeat(30_000)),
  fc.string(),
  fc.double(),
  fc.integer(),
  fc.anything({ maxDepth: 2 }),
);

/** A proper message with some of its fields replaced, at the top or one level down. */
function mutated(message: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const keys = Object.keys(message);
  return fc
    .array(fc.tuple(fc.constantFrom(...keys), values, fc.string()), { maxLength: 3 })
    .map((changes) => {
      const out: Record<string, unknown> = { ...message };
      for (const [key, value, inner] of changes) {
        const old = out[key];
        const isObject = typeof old === 'object' && old !== null && !Array.isArray(old);
        const innerKeys = isObject ? Object.keys(old) : [];
        const innerKey = innerKeys[inner.length % Math.max(1, innerKeys.length)];
        out[key] =
          innerKey !== undefined && inner.length % 2 === 0 ? { ...old!, [innerKey]: value } : value;
      }
      return out;
    });
}

function expectOrdered(events: readonly SttEvent[]): void {
  let open = false;
  let turn = 0;
  for (const event of events) {
    if (event.kind === 'failed') continue;
    expect(event.turn).toBe(turn);
    expect(event.kind === 'started').toBe(!open);
    open = event.kind !== 'end';
    if (event.kind === 'end') turn += 1;
    expect(Number.isFinite(event.audioMs) && event.audioMs >= 0).toBe(true);
    expect(event.text.length).toBeLessThan(60_000);
  }
}

describe('vendor messages of any shape', () => {
  test('Flux: are read without a throw, and turns stay in order', () => {
    let turns = new FluxTurns();
    let events: SttEvent[] = [];
    let reported = 0;
    fc.assert(
      fc.property(fc.oneof(anything, mutated(FLUX)), fc.boolean(), (raw, anew) => {
        // Mutations may claim a far turn, after which everything is old.
        if (anew) [turns, events] = [new FluxTurns(), []];
        const message = parseFluxMessage(raw);
        if (message.kind === 'turn') events.push(...turns.take(message));
        reported += events.length;
        expectOrdered(events);
      }),
      RUNS,
    );
    expect(reported).toBeGreaterThan(1_000);
  });

  test('Flux: any order of proper messages keeps every turn whole', () => {
    const names = ['StartOfTurn', 'Update', 'EagerEndOfTurn', 'TurnResumed', 'EndOfTurn'] as const;
    const step = fc.record({
      event: fc.constantFrom(...names),
      turn_index: fc.nat(6),
      sequence_id: fc.option(fc.nat(40), { nil: undefined }),
      transcript: fc.constantFrom('', 'yes', 'yes please'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const turns = new FluxTurns();
        const events = steps.flatMap((fields) => {
          const message = parseFluxMessage({ ...FLUX, ...fields });
          return message.kind === 'turn' ? turns.take(message) : [];
        });
        expectOrdered(events);
        const resumed = events.findIndex((e) => e.kind === 'resumed');
        const eager = events.findIndex((e) => e.kind === 'eager-end');
        if (resumed >= 0) expect(eager >= 0 && eager < resumed).toBe(true);
      }),
      RUNS,
    );
  });

  test('nova-3: are read without a throw, and turns stay in order', () => {
    let turns = new NovaTurns();
    let events: SttEvent[] = [];
    fc.assert(
      fc.property(fc.oneof(anything, mutated(NOVA)), fc.boolean(), (raw, anew) => {
        // Mutations may claim a far end of audio, after which everything is old.
        if (anew) [turns, events] = [new NovaTurns(), []];
        events.push(...turns.take(parseNovaMessage(raw)));
        expectOrdered(events);
      }),
      RUNS,
    );
  });

  test('ElevenLabs: are read without a throw, and timings stay finite', () => {
    const words = new WordTimings();
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          mutated(ELEVENLABS),
          mutated(ELEVENLABS).map((m) => safeJson(m)),
        ),
        (raw) => {
          const message = parseElevenLabsMessage(raw);
          if (message.kind !== 'audio') return;
          expect(message.bytes).toBe(Buffer.from(message.base64, 'base64').length);
          for (const word of words.add(message.bytes, message.timings)) {
            expect(Number.isFinite(word.startMs) && Number.isFinite(word.endMs)).toBe(true);
            expect(word.text.length).toBeLessThan(500_000);
          }
        },
      ),
      RUNS,
    );
  });

  test('Claude: any sequence of events ends in content or garbage, never in a throw', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...CLAUDE) },
      { weight: 2, arbitrary: fc.constantFrom(...CLAUDE).chain((e) => mutated(e)) },
      { weight: 1, arbitrary: anything },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (raws) => {
        const stream = new ClaudeStream();
        let done = 0;
        for (const raw of raws) {
          const step = stream.take(raw);
          if (step.kind === 'garbage') break;
          done += step.events.filter((e) => e.kind === 'done').length;
        }
        expect(done).toBeLessThanOrEqual(1);
      }),
      RUNS,
    );
  });
});

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '{';
  }
}
