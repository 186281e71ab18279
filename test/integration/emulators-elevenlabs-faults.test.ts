import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';
import type { Fault } from '../../emulators/faults.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';

const TEXT = 'Good morning, Margaret. How are the roses today? ';

let emulator: ElevenLabsEmulator;

beforeAll(async () => {
  const warm = await startElevenLabsEmulator();
  await warm.prepare([TEXT]);
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startElevenLabsEmulator();
});

afterEach(async () => {
  await emulator.close();
});

type Run = { raw: string[]; audio: Buffer; code: number; final: boolean; tookMs: number };

/** Speaks TEXT over a fresh socket with the fault; leaves when it is final, or silent too long. */
async function run(
  surface: 'single' | 'multi',
  fault: Fault | undefined,
  patienceMs = 400,
): Promise<Run> {
  if (fault) emulator.faults.add({ fault, surface, times: 1 });
  const path = surface === 'single' ? 'stream-input' : 'multi-stream-input';
  const startedAt = performance.now();
  const socket = new WebSocket(
    `${emulator.wsUrl}/v1/text-to-speech/v/${path}?output_format=ulaw_8000`,
    { headers: { 'xi-api-key': 'k' } },
  );
  const result: Run = { raw: [], audio: Buffer.alloc(0), code: 0, final: false, tookMs: 0 };
  const id = surface === 'multi' ? { context_id: 'a' } : {};
  await new Promise<void>((resolve) => {
    const watchdog = setTimeout(() => socket.terminate(), patienceMs);
    socket.on('error', () => undefined);
    socket.on('open', () => {
      const say = (message: object): void => socket.send(JSON.stringify({ ...message, ...id }));
      say({ text: ' ' });
      say({ text: TEXT, flush: true });
      say(surface === 'multi' ? { close_context: true } : { text: '' });
    });
    socket.on('message', (data) => {
      watchdog.refresh();
      const text = (data as Buffer).toString('utf8');
      result.raw.push(text);
      const message = parse(text);
      if (typeof message?.['audio'] === 'string') {
        result.audio = Buffer.concat([result.audio, Buffer.from(message['audio'], 'base64')]);
      }
      if (message?.['isFinal'] === true) {
        result.final = true;
        // A moment's grace for what a fault sends after the end.
        if (surface === 'multi') setTimeout(() => socket.close(), 30);
      }
    });
    socket.on('close', (code) => {
      clearTimeout(watchdog);
      result.code = code;
      result.tookMs = performance.now() - startedAt;
      resolve();
    });
  });
  return result;
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function heard(audio: Buffer): string {
  const decoder = new InbandDecoder();
  return [...decoder.push(audio), ...decoder.flush()].map((word) => word.text).join(' ');
}

describe.each(['single', 'multi'] as const)('faults of the %s socket', (surface) => {
  it('none: whole and final', async () => {
    const { audio, final } = await run(surface, undefined);
    expect(heard(audio)).toBe(TEXT.trim());
    expect(final).toBe(true);
  });

  it('refuses the upgrade with a status, or without one', async () => {
    const refused = await run(surface, { kind: 'status', status: 429 });
    expect(refused).toMatchObject({ code: 1006, raw: [] });
    expect(emulator.log.all('rejected')[0]).toMatchObject({
      status: 429,
      detail: 'too_many_concurrent_requests',
    });
    expect(await run(surface, { kind: 'refuse' })).toMatchObject({ code: 1006, raw: [] });
  });

  it.each(['hang', 'stop-reading'] as const)('%s: open and silent', async (kind) => {
    expect(await run(surface, { kind }, 250)).toMatchObject({ code: 1006, raw: [] });
    expect(emulator.log.all('connected')).toHaveLength(1);
  });

  it('slow: every delay by the factor', async () => {
    const { audio } = await run(surface, { kind: 'slow', factor: 4 });
    expect(heard(audio)).toBe(TEXT.trim());
    expect(emulator.log.all('generation')[0]!.waitMs).toBeGreaterThanOrEqual(240);
  });

  it('trickle: whole, at the rate', async () => {
    const { audio, raw, tookMs } = await run(surface, { kind: 'trickle', bytesPerSecond: 60_000 });
    expect(heard(audio)).toBe(TEXT.trim());
    expect(tookMs).toBeGreaterThan((raw.join('').length / 60_000) * 1000);
  });

  it('garbage and wrong shapes: nothing to hear', async () => {
    const garbage = await run(surface, { kind: 'garbage' });
    expect(garbage.raw.some((text) => parse(text) === undefined)).toBe(true);
    const foreign = await run(surface, { kind: 'wrong-shape' });
    expect(foreign.raw.length).toBeGreaterThan(1);
    for (const { audio } of [garbage, foreign]) expect(audio).toHaveLength(0);
  });

  it('wrong order, doubles, emptiness and size', async () => {
    const plain = await run(surface, undefined);
    const disordered = await run(surface, { kind: 'wrong-order' });
    expect(disordered.audio).toHaveLength(plain.audio.length);
    expect(heard(disordered.audio)).not.toBe(TEXT.trim());
    const doubled = await run(surface, { kind: 'duplicate' });
    expect(doubled.audio).toHaveLength(plain.audio.length * 2);
    const empty = await run(surface, { kind: 'empty' });
    expect(empty).toMatchObject({ final: true });
    expect(empty.audio).toHaveLength(0);
    const huge = await run(surface, { kind: 'oversize', bytes: 100_000 });
    expect(huge.audio.length % 100_000).toBe(0);
    expect(huge.audio.length).toBeGreaterThan(0);
  });

  it('cut: exactly so many messages, then no socket', async () => {
    const { raw, code, final } = await run(surface, { kind: 'cut', afterMessages: 3 });
    expect(raw).toHaveLength(3);
    expect({ code, final }).toEqual({ code: 1006, final: false });
  });

  it('stall: so many messages, then silence on an open socket', async () => {
    const { raw, final, tookMs } = await run(surface, { kind: 'stall', afterMessages: 2 }, 300);
    expect(raw).toHaveLength(2);
    expect(final).toBe(false);
    expect(tookMs).toBeGreaterThan(300);
  });

  it("stream-error: the vendor's message and 1008", async () => {
    const { raw, code } = await run(surface, { kind: 'stream-error', afterMessages: 1 });
    expect(code).toBe(1008);
    expect(parse(raw.at(-1)!)).toMatchObject({ error: 'detected_unusual_activity', code: 1008 });
    expect(raw).toHaveLength(2);
  });
});
