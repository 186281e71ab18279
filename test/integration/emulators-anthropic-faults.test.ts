import Anthropic from '@anthropic-ai/sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  startAnthropicEmulator,
  type AnthropicEmulator,
} from '../../emulators/anthropic/server.ts';
import type { Fault } from '../../emulators/faults.ts';

const TEXT = 'The tide is out and the gulls are walking about on the sand this morning.';

let emulator: AnthropicEmulator;
let client: Anthropic;

beforeEach(async () => {
  emulator = await startAnthropicEmulator({
    script: { firstTokenMs: 10, tokensPerSecond: 500 },
    reply: () => TEXT,
  });
  client = new Anthropic({ apiKey: 'k', baseURL: emulator.url, maxRetries: 0, timeout: 400 });
});

afterEach(async () => {
  await emulator.close();
});

const PARAMS = {
  model: 'claude-haiku-5-5',
  max_tokens: 100,
  thinking: { type: 'disabled' as const },
  messages: [{ role: 'user' as const, content: 'hello' }],
};

type Outcome = { text: string; deltas: number; error: unknown };

/** Streams one reply with the fault in force; gives up `patienceMs` after the last sign of life. */
async function streamWith(fault: Fault, patienceMs = 300): Promise<Outcome> {
  emulator.faults.add({ fault, times: 1 });
  const stream = client.messages.stream(PARAMS);
  const outcome: Outcome = { text: '', deltas: 0, error: undefined };
  const watchdog = setTimeout(() => stream.abort(), patienceMs);
  stream.on('streamEvent', () => watchdog.refresh());
  stream.on('text', (delta) => {
    outcome.text += delta;
    outcome.deltas += 1;
  });
  await stream.finalMessage().catch((error: unknown) => {
    outcome.error = error;
  });
  clearTimeout(watchdog);
  return outcome;
}

describe('before the answer', () => {
  it.each([
    [429, Anthropic.RateLimitError],
    [500, Anthropic.InternalServerError],
    [413, Anthropic.APIError],
    [529, Anthropic.InternalServerError],
  ])('status %i arrives as the error the SDK knows', async (status, errorClass) => {
    const { error } = await streamWith({ kind: 'status', status });
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ status });
  });

  it('names a pause with retry-after, which the SDK obeys when allowed to retry', async () => {
    emulator.faults.add({
      fault: { kind: 'status', status: 429, retryAfterSeconds: 1 },
      times: 1,
    });
    const startedAt = performance.now();
    const retrying = new Anthropic({ apiKey: 'k', baseURL: emulator.url, maxRetries: 1 });
    await retrying.messages.stream(PARAMS).finalMessage();
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(emulator.log.all('request')[0]!.retryCount).toBe('1');
  });

  it('refuses the connection', async () => {
    const { error } = await streamWith({ kind: 'refuse' });
    expect(error).toBeInstanceOf(Anthropic.APIConnectionError);
  });

  it.each(['hang', 'stop-reading'] as const)('%s: no answer before the timeout', async (kind) => {
    const { error } = await streamWith({ kind }, 2_000);
    expect(error).toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
  });
});

describe('within the answer', () => {
  it('is slow by the factor asked for', async () => {
    await streamWith({ kind: 'slow', factor: 10 });
    const first = emulator.log.all('first-token')[0]!;
    expect(first.scriptedMs).toBe(100);
    expect(first.waitMs).toBeGreaterThanOrEqual(100);
  });

  it('trickles', async () => {
    const startedAt = performance.now();
    const { text, error } = await streamWith({ kind: 'trickle', bytesPerSecond: 8_000 });
    expect(error).toBeUndefined();
    expect(text).toBe(TEXT);
    expect(performance.now() - startedAt).toBeGreaterThan(200);
  });

  it('reports an overload in the stream, without a status', async () => {
    const { deltas, error } = await streamWith({ kind: 'stream-error', afterMessages: 3 });
    expect(deltas).toBe(3);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ status: undefined, type: 'overloaded_error' });
  });

  it('is cut after the messages asked for', async () => {
    const { deltas, error } = await streamWith({ kind: 'cut', afterMessages: 3 });
    expect(deltas).toBe(3);
    expect(error).toBeInstanceOf(Anthropic.AnthropicError);
    expect(String(error)).toMatch(/terminated/);
  });

  it('stalls until the client gives up, and counts what it wasted', async () => {
    const { deltas, error } = await streamWith({ kind: 'stall', afterMessages: 3 });
    expect(deltas).toBe(3);
    expect(error).toBeInstanceOf(Anthropic.APIUserAbortError);
    const entry = await emulator.log.waitFor((e) => e.what === 'aborted');
    expect(entry).toMatchObject({ tokensSent: 3 });
  });

  it('stalls before the first token but after the headers', async () => {
    const { deltas, error } = await streamWith({ kind: 'stall', afterMessages: 0 });
    expect(deltas).toBe(0);
    expect(error).toBeInstanceOf(Anthropic.APIUserAbortError);
  });

  it.each(['garbage', 'wrong-shape', 'wrong-order'] as const)(
    '%s never passes for an answer',
    async (kind) => {
      const { text, error } = await streamWith({ kind });
      expect(error).toBeDefined();
      expect(text).not.toBe(TEXT);
    },
  );

  it('is complete and empty', async () => {
    const { text, error } = await streamWith({ kind: 'empty' });
    expect({ text, error }).toEqual({ text: '', error: undefined });
  });

  it('says everything twice', async () => {
    // The SDK refuses a second message_start; how it does so is its own affair.
    const { error, text } = await streamWith({ kind: 'duplicate' });
    expect(error !== undefined || text !== TEXT).toBe(true);
  });

  it('sends one huge token', async () => {
    const { text } = await streamWith({ kind: 'oversize', bytes: 300_000 });
    expect(text).toHaveLength(300_000);
  });

  it('breaks whole answers in its own ways', async () => {
    const whole = async (fault: Fault): Promise<unknown> => {
      emulator.faults.add({ fault, times: 1 });
      return await client.messages.create(PARAMS).catch((error: unknown) => error);
    };
    expect(await whole({ kind: 'cut', afterMessages: 0 })).toBeInstanceOf(Error);
    expect(await whole({ kind: 'stream-error', afterMessages: 0 })).toMatchObject({ status: 529 });
    expect(await whole({ kind: 'duplicate' })).toBeInstanceOf(Error);
    expect(await whole({ kind: 'empty' })).toMatchObject({ content: [] });
    expect(await whole({ kind: 'slow', factor: 2 })).toMatchObject({ stop_reason: 'end_turn' });
  });
});

it('passes the requests that a rule skips, and is spent after its times', async () => {
  emulator.faults.add({ fault: { kind: 'status', status: 500 }, skip: 1, times: 1 });
  const outcomes: boolean[] = [];
  for (let i = 0; i < 3; i += 1) {
    const done = client.messages.stream(PARAMS).finalMessage();
    outcomes.push(
      await done.then(
        () => true,
        () => false,
      ),
    );
  }
  expect(outcomes).toEqual([true, false, true]);
});
