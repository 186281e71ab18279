import { ApiError, GoogleGenAI } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../emulators/faults.ts';
import { startGeminiEmulator, type GeminiEmulator } from '../../emulators/gemini/server.ts';

const TEXT = 'The tide is out and the gulls are walking about on the sand this morning.';

let emulator: GeminiEmulator;
let client: GoogleGenAI;

beforeEach(async () => {
  emulator = await startGeminiEmulator({
    script: { firstTokenMs: 10, tokensPerSecond: 500 },
    reply: () => TEXT,
  });
  client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: emulator.url } });
});

afterEach(async () => {
  await emulator.close();
});

type Outcome = { text: string; chunks: number; error: unknown };

/** Streams one reply with the fault in force; gives up `patienceMs` after the last sign of life. */
async function streamWith(fault: Fault, patienceMs = 300): Promise<Outcome> {
  emulator.faults.add({ fault, times: 1 });
  const abort = new AbortController();
  const watchdog = setTimeout(() => abort.abort(), patienceMs);
  const outcome: Outcome = { text: '', chunks: 0, error: undefined };
  try {
    const stream = await client.models.generateContentStream({
      model: 'gemini-3.5-flash-lite',
      contents: 'hello',
      config: { abortSignal: abort.signal, automaticContinuation: false },
    });
    for await (const chunk of stream) {
      watchdog.refresh();
      outcome.chunks += 1;
      for (const part of chunk.candidates?.[0]?.content?.parts ?? []) outcome.text += part.text;
    }
  } catch (error) {
    outcome.error = error;
  }
  clearTimeout(watchdog);
  return outcome;
}

describe('before the answer', () => {
  it.each([
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [429, 'RESOURCE_EXHAUSTED'],
    [500, 'INTERNAL'],
    [503, 'UNAVAILABLE'],
    [529, 'UNAVAILABLE'],
  ])('status %i arrives as the SDK knows it, with %s', async (status, name) => {
    const { error } = await streamWith({ kind: 'status', status });
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status });
    expect(JSON.parse((error as ApiError).message)).toMatchObject({
      error: { code: status, status: name },
    });
    // The SDK has no retries of its own.
    expect(emulator.log.all('rejected')).toHaveLength(1);
  });

  it('names a pause in the details', async () => {
    const { error } = await streamWith({ kind: 'status', status: 429, retryAfterSeconds: 7 });
    expect((error as ApiError).message).toMatch(/"retryDelay":"7s"/);
  });

  it.each(['refuse', 'hang', 'stop-reading'] as const)('%s gives no answer', async (kind) => {
    const { chunks, error } = await streamWith({ kind }, 200);
    expect(chunks).toBe(0);
    expect(error).toBeInstanceOf(Error);
    if (kind !== 'refuse') expect(error).toMatchObject({ name: 'AbortError' });
  });
});

describe('within the answer', () => {
  it('is slow by the factor asked for', async () => {
    await streamWith({ kind: 'slow', factor: 10 });
    const first = emulator.log.all('first-token')[0]!;
    expect(first.scriptedMs).toBeCloseTo(100);
    expect(first.waitMs).toBeGreaterThanOrEqual(100);
  });

  it('trickles', async () => {
    const startedAt = performance.now();
    const { text, error } = await streamWith({ kind: 'trickle', bytesPerSecond: 20_000 });
    expect(error).toBeUndefined();
    expect(text).toBe(TEXT);
    expect(performance.now() - startedAt).toBeGreaterThan(200);
  });

  it('reports an overload in the stream, as if it were a status', async () => {
    const { chunks, error } = await streamWith({ kind: 'stream-error', afterMessages: 3 });
    expect(chunks).toBe(3);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 503 });
  });

  it('is cut after the chunks asked for', async () => {
    const { chunks, error } = await streamWith({ kind: 'cut', afterMessages: 3 });
    expect(chunks).toBe(3);
    expect(String(error)).toMatch(/terminated/);
    const before = await streamWith({ kind: 'cut', afterMessages: 0 });
    expect(before.chunks).toBe(0);
    expect(String(before.error)).toMatch(/terminated/);
  });

  it.each([0, 3])('stalls after %i chunks until the client gives up', async (afterMessages) => {
    const { chunks, error } = await streamWith({ kind: 'stall', afterMessages });
    expect(chunks).toBe(afterMessages);
    expect(error).toMatchObject({ name: 'AbortError' });
    const entry = await emulator.log.waitFor((e) => e.what === 'aborted');
    expect(entry).toMatchObject({ tokensSent: afterMessages });
  });

  it('garbage is an error', async () => {
    const { text, error } = await streamWith({ kind: 'garbage' });
    expect(error).toBeDefined();
    expect(text).toBe('');
  });

  it.each(['wrong-shape', 'wrong-order'] as const)('%s never passes for it', async (kind) => {
    const { text } = await streamWith({ kind });
    expect(text).not.toBe(TEXT);
  });

  it('is complete and empty, doubled, or huge', async () => {
    expect(await streamWith({ kind: 'empty' })).toMatchObject({ text: '', chunks: 1 });
    const doubled = await streamWith({ kind: 'duplicate' });
    expect(doubled.text).toBe((TEXT.match(/\s*\S+/g) ?? []).map((word) => word + word).join(''));
    expect((await streamWith({ kind: 'oversize', bytes: 300_000 })).text).toHaveLength(300_000);
  });

  it('every fault is in the log, and the next request is whole again', async () => {
    await streamWith({ kind: 'garbage' });
    const { text } = await streamWith({ kind: 'slow', factor: 1 });
    expect(text).toBe(TEXT);
    expect(emulator.log.all('fault').map((entry) => entry.fault.kind)).toEqual(['garbage', 'slow']);
  });
});
