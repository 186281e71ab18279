import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  startAnthropicEmulator,
  type AnthropicEmulator,
} from '../../emulators/anthropic/server.ts';

const MODEL = 'claude-haiku-5-5';
const FIXED = 'Hello Margaret, it is lovely to hear from you. How are the roses?';

let emulator: AnthropicEmulator;
let client: Anthropic;

beforeEach(async () => {
  emulator = await startAnthropicEmulator({
    apiKey: 'test-key',
    script: { firstTokenMs: 30, tokensPerSecond: 400 },
    reply: () => FIXED,
  });
  client = new Anthropic({ apiKey: 'test-key', baseURL: emulator.url, maxRetries: 0 });
});

afterEach(async () => {
  await emulator.close();
});

type Params = Parameters<typeof client.messages.stream>[0];
type Whole = Anthropic.MessageCreateParamsNonStreaming;

function params(extra: Record<string, unknown> = {}): Params {
  return {
    model: MODEL,
    max_tokens: 200,
    thinking: { type: 'disabled' },
    messages: [{ role: 'user', content: 'hello' }],
    ...extra,
  };
}

async function failure(
  promise: Promise<unknown>,
): Promise<InstanceType<typeof Anthropic.APIError>> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Anthropic.AnthropicError);
  return error as InstanceType<typeof Anthropic.APIError>;
}

describe('answers', () => {
  it('streams a reply whose tokens join to the text, in the vendor order of events', async () => {
    const stream = client.messages.stream(params());
    const types: string[] = [];
    stream.on('streamEvent', (event) => types.push(event.type));
    const message = await stream.finalMessage();
    expect(message.content).toMatchObject([{ type: 'text', text: FIXED }]);
    expect(message.stop_reason).toBe('end_turn');
    expect(types.slice(0, 3)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
    ]);
    expect(types.slice(-3)).toEqual(['content_block_stop', 'message_delta', 'message_stop']);
    const tokens = emulator.log.all('token');
    expect(tokens.map((t) => t.text).join('')).toBe(FIXED);
    expect(message.usage.output_tokens).toBe(tokens.length);
    expect(emulator.log.all('complete')).toHaveLength(1);
  });

  it('answers whole without stream', async () => {
    const message = await client.messages.create({ ...(params() as Whole), stream: false });
    expect(message.content).toMatchObject([{ type: 'text', text: FIXED }]);
    expect(message.usage.input_tokens).toBeGreaterThan(0);
  });

  it('keeps the pace of its script without adding up delays', async () => {
    await client.messages.stream(params()).finalMessage();
    emulator.log.clear();
    emulator.script.firstTokenMs = 80;
    emulator.script.tokensPerSecond = 100;
    emulator.setReply(() => 'the tide came in and went out again '.repeat(12));
    await client.messages.stream(params()).finalMessage();
    const first = emulator.log.all('first-token')[0]!;
    const request = emulator.log.all('request')[0]!;
    expect(first.scriptedMs).toBe(80);
    expect(first.waitMs).toBeGreaterThanOrEqual(80);
    const tokens = emulator.log.all('token');
    const lateness = tokens.map((t) => t.atMs - request.atMs - 80 - t.index * 10);
    expect(tokens.length).toBeGreaterThan(90);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    // Delays that added up would leave every late token late by as many roundings as went before.
    expect(Math.min(...lateness.slice(60))).toBeLessThan(10);
  });

  it('splits tokens at odd places from a seed, the same way each time', async () => {
    emulator.script.splitSeed = 7;
    for (let i = 0; i < 2; i += 1) await client.messages.stream(params()).finalMessage();
    const requests = emulator.log.all('request').map((r) => r.id);
    const [a, b] = requests.map((id) =>
      emulator.log.all('token').flatMap((t) => (t.id === id ? [t.text] : [])),
    );
    expect(a).toEqual(b);
    expect(a!.join('')).toBe(FIXED);
    expect(a!.some((piece) => /\w$/.test(piece) && piece !== a!.at(-1))).toBe(true);
    expect(a!.some((piece) => piece.endsWith(' '))).toBe(true);
  });

  it('thinks first unless thinking is disabled', async () => {
    const { thinking: _, ...rest } = params();
    const message = await client.messages.stream(rest).finalMessage();
    expect(message.content.map((block) => block.type)).toEqual(['thinking', 'text']);
    expect(message.usage.output_tokens_details?.thinking_tokens).toBe(30);
  });

  it('streams tool calls as partial JSON', async () => {
    emulator.setReply(() => ({
      blocks: [
        { type: 'text', text: 'Let me check.' },
        { type: 'tool_use', name: 'look_up', input: { query: 'tide tables', day: 'today' } },
      ],
    }));
    const tools = [{ name: 'look_up', input_schema: { type: 'object' as const } }];
    const message = await client.messages.stream(params({ tools })).finalMessage();
    expect(message.stop_reason).toBe('tool_use');
    expect(message.content[1]).toMatchObject({
      type: 'tool_use',
      name: 'look_up',
      input: { query: 'tide tables', day: 'today' },
    });
    const json = emulator.log.all('token').filter((t) => t.kind === 'json');
    expect(json[0]!.text).toBe('');
    expect(json.length).toBeGreaterThan(4);
  });

  it('stops at max_tokens and at stop sequences', async () => {
    const short = await client.messages.stream(params({ max_tokens: 3 })).finalMessage();
    expect(short.stop_reason).toBe('max_tokens');
    expect(short.usage.output_tokens).toBe(3);
    const stopped = await client.messages
      .stream(params({ stop_sequences: ['lovely'] }))
      .finalMessage();
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'lovely' });
    expect(stopped.content).toMatchObject([{ text: 'Hello Margaret, it is ' }]);
  });

  it('counts what was wasted when the client aborts', async () => {
    emulator.script.tokensPerSecond = 50;
    const stream = client.messages.stream(params());
    const aborted = failure(stream.finalMessage());
    stream.on('text', () => stream.abort());
    expect(await aborted).toBeInstanceOf(Anthropic.APIUserAbortError);
    const entry = await emulator.log.waitFor((e) => e.what === 'aborted');
    if (entry.what !== 'aborted') throw new Error('unreachable');
    expect(entry.tokensSent).toBeGreaterThan(0);
    expect(entry.tokensSent).toBeLessThan(entry.plannedTokens);
    expect(emulator.log.all('token')).toHaveLength(entry.tokensSent);
  });
});

describe('prompt caching', () => {
  const long = 'The person likes roses and talks about the sea. '.repeat(80);
  const marked = { type: 'text', text: long, cache_control: { type: 'ephemeral' } };

  it('writes a marked prefix once and reads it afterwards', async () => {
    const history: { role: 'user' | 'assistant'; content: string }[] = [
      { role: 'user', content: 'hello' },
    ];
    const first = await client.messages
      .stream(params({ system: [marked], messages: history }))
      .finalMessage();
    expect(first.usage.cache_creation_input_tokens).toBeGreaterThanOrEqual(512);
    expect(first.usage.cache_read_input_tokens).toBe(0);
    history.push({ role: 'assistant', content: FIXED }, { role: 'user', content: 'very well' });
    const second = await client.messages
      .stream(params({ system: [marked], messages: history }))
      .finalMessage();
    expect(second.usage.cache_read_input_tokens).toBe(first.usage.cache_creation_input_tokens);
    expect(second.usage.cache_creation_input_tokens).toBe(0);
    expect(second.usage.input_tokens).toBeGreaterThan(0);
    expect(second.usage.input_tokens).toBeLessThan(100);
  });

  it('grows the cached prefix with a top-level marker turn by turn', async () => {
    const history = [{ role: 'user' as const, content: long }];
    const extra = { cache_control: { type: 'ephemeral' }, messages: history };
    const first = await client.messages.stream(params(extra)).finalMessage();
    const grown = [
      ...history,
      { role: 'assistant' as const, content: FIXED },
      { role: 'user' as const, content: 'and then the tide came in' },
    ];
    const second = await client.messages
      .stream(params({ ...extra, messages: grown }))
      .finalMessage();
    expect(second.usage.cache_read_input_tokens).toBe(first.usage.cache_creation_input_tokens);
    expect(second.usage.cache_creation_input_tokens).toBeGreaterThan(0);
    expect(second.usage.input_tokens).toBe(0);
  });

  it('misses when one character of the prefix changed, and below the minimum', async () => {
    await client.messages.stream(params({ system: [marked] })).finalMessage();
    const changed = { ...marked, text: `${long}!` };
    const missed = await client.messages.stream(params({ system: [changed] })).finalMessage();
    expect(missed.usage.cache_read_input_tokens).toBe(0);
    const small = { ...marked, text: 'Be kind.' };
    const tiny = await client.messages.stream(params({ system: [small] })).finalMessage();
    expect(tiny.usage.cache_creation_input_tokens).toBe(0);
    expect(tiny.usage.input_tokens).toBeGreaterThan(0);
  });

  it('forgets after five minutes without use', async () => {
    let nowMs = 0;
    const timed = await startAnthropicEmulator({
      script: { firstTokenMs: 1, tokensPerSecond: 1000 },
      reply: () => 'Yes.',
      cacheNowMs: () => nowMs,
    });
    const own = new Anthropic({ apiKey: 'k', baseURL: timed.url, maxRetries: 0 });
    const read = async (): Promise<number | null> =>
      (await own.messages.stream(params({ system: [marked] })).finalMessage()).usage
        .cache_read_input_tokens;
    expect(await read()).toBe(0);
    nowMs += 299_000;
    expect(await read()).toBeGreaterThan(0);
    nowMs += 299_000;
    expect(await read()).toBeGreaterThan(0);
    nowMs += 301_000;
    expect(await read()).toBe(0);
    await timed.close();
  });

  it('pre-warms with max_tokens 0', async () => {
    const warm = await client.messages.create({
      ...(params({ system: [marked], max_tokens: 0 }) as Whole),
      stream: false,
    });
    expect(warm.content).toEqual([]);
    expect(warm.usage.cache_creation_input_tokens).toBeGreaterThan(0);
    const next = await client.messages.stream(params({ system: [marked] })).finalMessage();
    expect(next.usage.cache_read_input_tokens).toBe(warm.usage.cache_creation_input_tokens);
  });
});

describe('strictness', () => {
  const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'done' });
  const use = (id: string) => ({ type: 'tool_use', id, name: 'look_up', input: {} });
  const tools = [{ name: 'look_up', input_schema: { type: 'object' } }];
  const user = { role: 'user', content: 'hello' };

  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['a sampling parameter', { temperature: 1 }, /temperature: Extra inputs are not permitted/],
    ['top_p', { top_p: 0.9 }, /top_p: Extra inputs/],
    ['an unknown field', { foo: 1 }, /foo: Extra inputs/],
    ['no max_tokens', { max_tokens: undefined }, /max_tokens: Field required/],
    ['too large max_tokens', { max_tokens: 500_000 }, /max_tokens: 500000 > 128000/],
    ['no messages', { messages: [] }, /at least one message/],
    [
      'an assistant first',
      { messages: [{ role: 'assistant', content: 'Hi' }, user] },
      /first message/,
    ],
    ['assistant prefill', { messages: [user, { role: 'assistant', content: '{' }] }, /prefill/],
    [
      'an empty message',
      { messages: [user, { role: 'assistant', content: '' }, user] },
      /non-empty/,
    ],
    [
      'a blank text',
      { messages: [{ role: 'user', content: [{ type: 'text', text: ' ' }] }] },
      /non-whitespace/,
    ],
    ['a foreign role', { messages: [{ role: 'tool', content: 'x' }] }, /messages\.0\.role/],
    ['a thinking budget', { thinking: { type: 'enabled', budget_tokens: 1024 } }, /budget/],
    ['effort max without thinking', { output_config: { effort: 'max' } }, /cannot be disabled/],
    [
      'an unanswered tool call',
      { tools, messages: [user, { role: 'assistant', content: [use('t1')] }, user] },
      /without `tool_result` blocks/,
    ],
    [
      'a result without a call',
      { tools, messages: [{ role: 'user', content: [result('t9')] }] },
      /unexpected `tool_use_id`/,
    ],
    [
      'tool blocks without tools',
      {
        messages: [
          user,
          { role: 'assistant', content: [use('t1')] },
          { role: 'user', content: [result('t1')] },
        ],
      },
      /must define tools/,
    ],
    ['a tool without schema', { tools: [{ name: 'x' }] }, /input_schema: Field required/],
    [
      'five cache breakpoints',
      {
        system: Array.from({ length: 5 }, () => ({
          type: 'text',
          text: 'a',
          cache_control: { type: 'ephemeral' },
        })),
      },
      /maximum of 4/,
    ],
    [
      'an unknown cache ttl',
      { system: [{ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '2h' } }] },
      /ttl/,
    ],
  ];
  it.each(cases)('refuses %s with 400', async (_, extra, message) => {
    const error = await failure(client.messages.stream(params(extra)).finalMessage());
    expect(error.status).toBe(400);
    expect(error.type).toBe('invalid_request_error');
    expect(error.message).toMatch(message);
  });

  it('accepts consecutive roles and paired tool calls', async () => {
    const messages = [
      user,
      user,
      { role: 'assistant', content: [use('t1'), use('t2')] },
      { role: 'user', content: [result('t1')] },
      { role: 'user', content: [result('t2'), { type: 'text', text: 'and?' }] },
    ];
    const message = await client.messages.stream(params({ tools, messages })).finalMessage();
    expect(message.stop_reason).toBe('end_turn');
  });

  it('knows keys, models and paths', async () => {
    const stranger = new Anthropic({ apiKey: 'wrong', baseURL: emulator.url, maxRetries: 0 });
    expect(await failure(stranger.messages.stream(params()).finalMessage())).toBeInstanceOf(
      Anthropic.AuthenticationError,
    );
    expect(
      await failure(client.messages.stream(params({ model: 'gpt-9' })).finalMessage()),
    ).toBeInstanceOf(Anthropic.NotFoundError);
    const byHeader = await fetch(`${emulator.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': 'test-key', 'anthropic-version': '2026-10-21' },
      body: JSON.stringify(params()),
    });
    expect(byHeader.status).toBe(200);
    expect(await byHeader.json()).toMatchObject({ type: 'message', role: 'assistant' });
    const tooLarge = await fetch(`${emulator.url}/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': 'test-key', 'anthropic-version': '2026-10-21' },
      body: 'x'.repeat(33 * 1024 * 1024),
    });
    expect(tooLarge.status).toBe(413);
    expect(await tooLarge.json()).toMatchObject({ error: { type: 'request_too_large' } });
  });
});
