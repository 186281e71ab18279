import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createClaude } from '../../adapters/llm/claude.ts';
import type { Claude } from '../../adapters/llm/claude.ts';
import type { LlmMessage, LlmTool } from '../../adapters/llm/port.ts';
import { startAnthropicEmulator } from '../../emulators/anthropic/server.ts';
import type { AnthropicEmulator } from '../../emulators/anthropic/server.ts';
import { collect, llmContract, requestFor, userSays } from './contract-llm.ts';

let emulator: AnthropicEmulator;
let vendor: Claude;

beforeAll(async () => {
  emulator = await startAnthropicEmulator();
  vendor = await createClaude({ apiKey: 'key', baseUrl: emulator.url, model: 'claude-haiku-5-5' });
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

describe('Claude', () => {
  llmContract(() => ({ emulator, vendor }));

  test('caches the prefix and the history', async () => {
    emulator.setReply(() => 'Good.');
    const system = [
      { text: 'Rules. '.repeat(900), cached: true },
      { text: 'It is morning.', cached: false },
    ];
    const messages: LlmMessage[] = [userSays('Hello there.')];
    await collect(vendor, requestFor({ system, messages }));
    messages.push({ role: 'assistant', content: [{ kind: 'text', text: 'Good.' }] });
    messages.push(userSays('And you?'));
    const { events } = await collect(vendor, requestFor({ system, messages }));
    const done = events.at(-1);
    expect(done?.kind === 'done' && done.usage.cachedTokens).toBeGreaterThan(900);
    const sent = emulator.log.all('request').at(-1);
    expect(sent?.system.map((block) => block.cache_control?.type)).toEqual([
      'ephemeral',
      undefined,
    ]);
    expect(sent?.retryCount).toBe('0');
    expect(sent?.traceparent).toBeUndefined();
  });

  test('case 35: reports a tool call whole, and never one whose input was cut', async () => {
    const blocks = [
      { type: 'text', text: 'Let me note that.' },
      { type: 'tool_use', name: 'remember', input: { fact: 'has a cat called Mimi' } },
    ] as const;
    emulator.setReply(() => ({ blocks }));
    const whole = await collect(vendor, requestFor({ tools: [TOOL] }));
    expect(whole.text).toBe('Let me note that.');
    expect(whole.events.find((e) => e.kind === 'tool-call')).toMatchObject({
      name: 'remember',
      input: { fact: 'has a cat called Mimi' },
    });
    expect(whole.events.at(-1)).toMatchObject({ kind: 'done', stop: 'tool' });
    const cut = emulator.faults.add({ fault: { kind: 'cut', afterMessages: 7 } });
    const broken = await collect(vendor, requestFor({ tools: [TOOL] }));
    cut();
    expect(broken.error?.failure).toBe('cut');
    expect(broken.events.some((e) => e.kind === 'tool-call')).toBe(false);
  });

  test('passes over thinking, and takes a refusal for an answer', async () => {
    emulator.setReply(() => ({
      blocks: [
        { type: 'thinking', thinking: 'hmm' },
        { type: 'text', text: 'Yes.' },
      ],
    }));
    const { text, error } = await collect(vendor, requestFor({ firstTokenTimeoutMs: 3_000 }));
    expect(error).toBeUndefined();
    expect(text).toBe('Yes.');
    emulator.setReply(() => ({ blocks: [], stopReason: 'refusal' }));
    const refused = await collect(vendor, requestFor());
    expect(refused.error).toBeUndefined();
    expect(refused.events).toMatchObject([{ kind: 'done', stop: 'refusal' }]);
  });

  test('uses one connection for turn after turn, and replaces one that died while idle', async () => {
    let connections = 0;
    const open = new Set<Socket>();
    const relay = createServer((client) => {
      connections += 1;
      open.add(client);
      const upstream = connect(Number(new URL(emulator.url).port), '127.0.0.1');
      client.pipe(upstream).pipe(client);
      client.on('error', () => upstream.destroy());
      client.on('close', () => open.delete(client) && upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void relay.close());
    const { port } = relay.address() as AddressInfo;
    const claude = await createClaude({
      apiKey: 'key',
      baseUrl: `http://127.0.0.1:${port}`,
      model: 'claude-haiku-5-5',
    });
    onTestFinished(() => claude.close());
    emulator.setReply(() => 'Fine.');
    await claude.prewarm([{ text: 'Be kind.', cached: true }], []);
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await collect(claude, requestFor())).text).toBe('Fine.');
    }
    expect(connections).toBe(1);
    // The reset and the next request cross on the wire.
    for (const socket of open) socket.resetAndDestroy();
    expect((await collect(claude, requestFor())).text).toBe('Fine.');
    expect(connections).toBe(2);
  });
});
