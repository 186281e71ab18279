import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createGemini } from '../../adapters/llm/gemini.ts';
import type { Gemini } from '../../adapters/llm/gemini.ts';
import type { LlmBlock, LlmMessage, LlmTool } from '../../adapters/llm/port.ts';
import { startGeminiEmulator } from '../../emulators/gemini/server.ts';
import type { GeminiEmulator } from '../../emulators/gemini/server.ts';
import type { GeminiReply } from '../../emulators/gemini/types.ts';
import { startRelay } from '../helpers/tcp-relay.ts';
import { collect, llmContract, requestFor, userSays } from './contract-llm.ts';

let emulator: GeminiEmulator;
let vendor: Gemini;
const model = 'gemini-3.5-flash-lite';

beforeAll(async () => {
  emulator = await startGeminiEmulator({ apiKey: 'key' });
  vendor = await createGemini({ apiKey: 'key', baseUrl: emulator.url, model });
});
afterAll(async () => {
  vendor.close();
  await emulator.close();
});

const TOOL: LlmTool = {
  name: 'remember',
  description: 'Remembers a fact.',
  inputSchema: { type: 'object', properties: { fact: { type: 'string' } } },
};
const CALLS: GeminiReply = {
  blocks: [
    { type: 'text', text: 'Let me note that.' },
    { type: 'tool_use', name: 'remember', input: { fact: 'has a cat' } },
    { type: 'tool_use', name: 'remember', input: { fact: 'has a dog' } },
  ],
};

/** The turn in which the model called its tools, and their results. */
function roundOf(events: readonly { kind: string }[]): LlmMessage[] {
  const content = events.filter((e) => e.kind === 'text' || e.kind === 'tool-call') as LlmBlock[];
  const results = content.flatMap((block): LlmBlock[] =>
    block.kind === 'tool-call'
      ? [{ kind: 'tool-result', id: block.id, content: 'noted', isError: false }]
      : [],
  );
  return [
    { role: 'assistant', content },
    { role: 'user', content: results },
  ];
}

const lastRequest = () => emulator.log.all('request').at(-1)!;

describe('Gemini', () => {
  llmContract(() => ({ emulator, vendor, seesRepeats: true }));

  test('asks without thinking, sampling or retries, with the system text apart', async () => {
    emulator.setReply(() => 'Good.');
    const system = [
      { text: 'Be kind.', cached: true },
      { text: ' ', cached: false },
      { text: 'It is morning.', cached: false },
    ];
    await collect(vendor, requestFor({ system, tools: [TOOL] }));
    const sent = lastRequest();
    expect(sent.systemText).toBe('Be kind.\nIt is morning.');
    expect(sent.generationConfig).toEqual({
      maxOutputTokens: 300,
      thinkingConfig: { thinkingLevel: 'MINIMAL' },
    });
    expect(sent.functions).toEqual([
      {
        name: 'remember',
        description: 'Remembers a fact.',
        parametersJsonSchema: TOOL.inputSchema,
      },
    ]);
    expect(sent.traceparent).toBeUndefined();
  });

  test('reports what the vendor read from its cache', async () => {
    emulator.setReply(() => 'Good.');
    const system = [{ text: 'Rules. '.repeat(900), cached: true }];
    const messages: LlmMessage[] = [userSays('Hello there.')];
    await collect(vendor, requestFor({ system, messages }));
    messages.push({ role: 'assistant', content: [{ kind: 'text', text: 'Good.' }] });
    messages.push(userSays('And you?'));
    const done = (await collect(vendor, requestFor({ system, messages }))).events.at(-1);
    if (done?.kind !== 'done') throw new Error('no end');
    expect(done.usage.cachedTokens).toBeGreaterThan(900);
    expect(done.usage.inputTokens).toBeLessThan(100);
  });

  test('case 35: reports tool calls whole, and takes their results back signed', async () => {
    emulator.setReply(() => CALLS);
    const messages = [userSays('I have a cat and a dog.')];
    const called = await collect(vendor, requestFor({ messages, tools: [TOOL] }));
    expect(called.text).toBe('Let me note that.');
    const calls = called.events.filter((e) => e.kind === 'tool-call');
    expect(calls.map((e) => e.input)).toEqual([{ fact: 'has a cat' }, { fact: 'has a dog' }]);
    expect(called.events.at(-1)).toMatchObject({ kind: 'done', stop: 'tool' });

    emulator.setReply(() => 'Noted.');
    const round = [...messages, ...roundOf(called.events)];
    expect((await collect(vendor, requestFor({ messages: round, tools: [TOOL] }))).text).toBe(
      'Noted.',
    );
    const parts = lastRequest().contents.flatMap((content) => content.parts);
    const sentCalls = parts.filter((part) => part.functionCall !== undefined);
    expect(sentCalls.map((part) => part.functionCall?.id)).toEqual(calls.map((e) => e.id));
    const signature = sentCalls[0]?.thoughtSignature ?? '';
    expect(Buffer.from(signature, 'base64').toString()).toMatch(/^signature gen/);
    expect(parts.flatMap((part) => part.functionResponse ?? [])).toEqual(
      calls.map((e) => ({ id: e.id, name: 'remember', response: { output: 'noted' } })),
    );
  });

  test('case 35: never reports a call that was cut', async () => {
    emulator.setReply(() => CALLS);
    for (const fault of ['cut', 'stall'] as const) {
      const over = emulator.faults.add({ fault: { kind: fault, afterMessages: 4 } });
      const broken = await collect(vendor, requestFor({ tools: [TOOL] }));
      over();
      expect(broken.error?.failure).toBe(fault === 'cut' ? 'cut' : 'stalled');
      expect(broken.events.some((e) => e.kind === 'tool-call')).toBe(false);
    }
    const short = await collect(vendor, requestFor({ tools: [TOOL], maxTokens: 7 }));
    expect(short.events.map((e) => e.kind).filter((kind) => kind !== 'text')).toEqual(['done']);
    expect(short.events.at(-1)).toMatchObject({ stop: 'max-tokens' });
  });

  test("case 56: takes over in the middle of another model's round of tools", async () => {
    emulator.setReply(() => 'Noted.');
    const call = { kind: 'tool-call', id: 'toolu_1', name: 'remember', input: {} } as const;
    const messages: LlmMessage[] = [
      userSays('I have a cat.'),
      { role: 'assistant', content: [call, { ...call, id: 'toolu_2' }] },
      {
        role: 'user',
        content: [
          { kind: 'tool-result', id: 'toolu_1', content: 'no such person', isError: true },
          { kind: 'text', text: 'Are you there?' },
        ],
      },
      // Our own words stand last while a draft is made anew.
      { role: 'assistant', content: [{ kind: 'text', text: 'I am. ' }] },
    ];
    const { text, error } = await collect(vendor, requestFor({ messages, tools: [TOOL] }));
    expect(error).toBeUndefined();
    expect(text).toBe('Noted.');
    const { contents } = lastRequest();
    expect(contents.map((content) => content.role)).toEqual([
      'user',
      'model',
      'user',
      'user',
      'model',
      'user',
    ]);
    expect(contents[1]?.parts[0]?.functionCall).toEqual({ name: 'remember', args: {} });
    expect(contents[2]?.parts.map((part) => part.functionResponse?.response)).toEqual([
      { error: 'no such person' },
      { error: 'cancelled' },
    ]);
  });

  test.for([
    ['SAFETY', 'refusal'],
    ['PROHIBITED_CONTENT', 'refusal'],
    ['RECITATION', 'refusal'],
    ['LANGUAGE', 'other'],
    ['MALFORMED_FUNCTION_CALL', 'other'],
  ] as const)('an answer that ends for %s is a %s', async ([finishReason, stop]) => {
    emulator.setReply(() => ({ blocks: [{ type: 'text', text: 'Well.' }], finishReason }));
    const { events, text } = await collect(vendor, requestFor());
    expect(text).toBe('Well.');
    expect(events.at(-1)).toMatchObject({ kind: 'done', stop });
  });

  test('a silent refusal is an answer, be it of the reply or of the prompt', async () => {
    const refusals: GeminiReply[] = [
      { blocks: [], finishReason: 'SAFETY' },
      { blocks: [], blockReason: 'PROHIBITED_CONTENT' },
    ];
    for (const reply of refusals) {
      emulator.setReply(() => reply);
      const { events, error } = await collect(vendor, requestFor());
      expect(error).toBeUndefined();
      expect(events).toMatchObject([{ kind: 'done', stop: 'refusal' }]);
    }
    emulator.setReply(() => ({ blocks: [], finishReason: 'OTHER' }));
    expect((await collect(vendor, requestFor())).error?.failure).toBe('empty');
  });

  test('thoughts are waited for and not spoken', async () => {
    emulator.setReply(() => ({
      blocks: [
        { type: 'thinking', thinking: 'They are lonely. I shall ask.' },
        { type: 'text', text: 'Yes.' },
      ],
    }));
    const { text, events } = await collect(vendor, requestFor());
    expect(text).toBe('Yes.');
    expect(events.at(-1)).toMatchObject({ stop: 'end', usage: { outputTokens: 7 } });
  });

  test('generation 2.5 is kept from thinking by its budget', async () => {
    const thinker = await createGemini({
      apiKey: 'key',
      baseUrl: emulator.url,
      model: 'gemini-2.5-flash',
    });
    onTestFinished(() => thinker.close());
    emulator.setReply(() => 'Yes.');
    const { text } = await collect(thinker, requestFor());
    expect(text).toBe('Yes.');
    expect(lastRequest().generationConfig['thinkingConfig']).toEqual({ thinkingBudget: 0 });
  });

  test('a wrong key is told from a wrong request, though both are a 400', async () => {
    const stranger = await createGemini({ apiKey: 'no', baseUrl: emulator.url, model });
    onTestFinished(() => stranger.close());
    const { error } = await collect(stranger, requestFor());
    expect(error).toMatchObject({ failure: 'auth', status: 400 });
  });

  test('headers without an answer are a cut, nobody there is unreachable', async () => {
    const cut = emulator.faults.add({ fault: { kind: 'cut', afterMessages: 0 } });
    expect((await collect(vendor, requestFor())).error?.failure).toBe('cut');
    cut();
    const closed = await startGeminiEmulator();
    await closed.close();
    const tls = emulator.url.replace('http:', 'https:');
    for (const baseUrl of [closed.url, tls, 'https://no-such-host.invalid']) {
      const lost = await createGemini({ apiKey: 'key', baseUrl, model });
      await lost.warm();
      const { error } = await collect(lost, requestFor({ firstTokenTimeoutMs: 5_000 }));
      lost.close();
      expect(error?.failure).toBe('unreachable');
    }
  });

  test('uses one connection for turn after turn, and replaces one that died while idle', async () => {
    const relay = await startRelay(emulator.url);
    onTestFinished(() => relay.close());
    const pooled = await createGemini({ apiKey: 'key', baseUrl: relay.url, model });
    onTestFinished(() => pooled.close());
    emulator.setReply(() => 'Fine.');
    await pooled.warm();
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await collect(pooled, requestFor())).text).toBe('Fine.');
    }
    expect(relay.accepted()).toBe(1);
    // The reset and the next request cross on the wire.
    relay.reset();
    expect((await collect(pooled, requestFor())).text).toBe('Fine.');
    expect(relay.accepted()).toBe(2);
  });

  test('neither logs nor keeps what was said', async () => {
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      vi.spyOn(console, name),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    emulator.setReply(() => CALLS);
    await collect(vendor, requestFor({ tools: [TOOL] }));
    for (const kind of ['garbage', 'wrong-shape'] as const) {
      const over = emulator.faults.add({ fault: { kind } });
      const { error } = await collect(vendor, requestFor());
      over();
      expect(JSON.stringify([error?.message, String(error?.cause)])).not.toMatch(/cand|html|con/);
    }
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });

  test('leaves no listener on the signal of the call', async () => {
    emulator.setReply(() => 'Good.');
    const controller = new AbortController();
    const added = vi.spyOn(controller.signal, 'addEventListener');
    const removed = vi.spyOn(controller.signal, 'removeEventListener');
    await collect(vendor, requestFor({ signal: controller.signal }));
    expect(added.mock.calls).toHaveLength(1);
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});
