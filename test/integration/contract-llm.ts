/** What every language-model vendor owes its port, over a real socket to an emulator. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { LlmEvent, LlmMessage, LlmRequest, LlmVendor } from '../../adapters/llm/port.ts';
import type { Brain } from '../../emulators/anthropic/types.ts';
import type { Fault, FaultScript } from '../../emulators/faults.ts';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';

type Logged = { readonly what: string; readonly atMs: number; readonly plannedTokens?: number };

/** What the emulators of all models have in common. */
export type LlmEmulator = {
  readonly faults: FaultScript;
  readonly log: {
    readonly entries: readonly Logged[];
    waitFor(matches: (entry: Logged) => boolean): Promise<Logged>;
  };
  setReply(brain: Brain): void;
};

export type LlmContract = {
  readonly emulator: LlmEmulator;
  readonly vendor: LlmVendor;
  /** The vendor's protocol lets chunks that come twice be told from new ones. */
  readonly seesRepeats?: boolean;
};

export function userSays(text: string): LlmMessage {
  return { role: 'user', content: [{ kind: 'text', text }] };
}

export function requestFor(changes: Partial<LlmRequest> = {}): LlmRequest {
  return {
    system: [{ text: 'You are a kind companion.', cached: true }],
    messages: [userSays('Tell me about your day.')],
    tools: [],
    maxTokens: 300,
    firstTokenTimeoutMs: 500,
    stallTimeoutMs: 300,
    signal: new AbortController().signal,
    ...changes,
  };
}

export type Collected = {
  readonly events: LlmEvent[];
  readonly text: string;
  readonly error: VendorError | undefined;
};

export async function collect(vendor: LlmVendor, request: LlmRequest): Promise<Collected> {
  const events: LlmEvent[] = [];
  let error: unknown;
  try {
    for await (const event of vendor.stream(request)) events.push(event);
  } catch (thrown) {
    error = thrown;
  }
  if (error !== undefined) expect(error).toBeInstanceOf(VendorError);
  const text = events.map((event) => (event.kind === 'text' ? event.text : '')).join('');
  return { events, text, error: error instanceof VendorError ? error : undefined };
}

const FAULTS: readonly [Fault, VendorFailure][] = [
  [{ kind: 'status', status: 401 }, 'auth'],
  [{ kind: 'status', status: 403 }, 'auth'],
  [{ kind: 'status', status: 400 }, 'bad-request'],
  [{ kind: 'status', status: 429, retryAfterSeconds: 7 }, 'rate-limited'],
  [{ kind: 'status', status: 500 }, 'overloaded'],
  [{ kind: 'status', status: 529 }, 'overloaded'],
  [{ kind: 'refuse' }, 'unreachable'],
  [{ kind: 'hang' }, 'no-first-byte'],
  [{ kind: 'stop-reading' }, 'no-first-byte'],
  [{ kind: 'slow', factor: 50 }, 'no-first-byte'],
  [{ kind: 'trickle', bytesPerSecond: 100 }, 'no-first-byte'],
  [{ kind: 'garbage' }, 'garbage'],
  [{ kind: 'wrong-shape' }, 'garbage'],
  [{ kind: 'wrong-order' }, 'garbage'],
  [{ kind: 'oversize', bytes: 1_000_000 }, 'garbage'],
  [{ kind: 'oversize', bytes: 20_000_000 }, 'garbage'],
  [{ kind: 'empty' }, 'empty'],
  [{ kind: 'cut', afterMessages: 4 }, 'cut'],
  [{ kind: 'stall', afterMessages: 0 }, 'no-first-byte'],
  [{ kind: 'stall', afterMessages: 4 }, 'stalled'],
  [{ kind: 'stream-error', afterMessages: 4 }, 'overloaded'],
];

export function llmContract(start: () => LlmContract): void {
  const withFault = (fault: Fault): LlmContract => {
    const world = start();
    onTestFinished(world.emulator.faults.add({ fault }));
    return world;
  };

  test('streams text and then one done with the usage', async () => {
    const { vendor, emulator } = start();
    emulator.setReply(() => 'I had a quiet, pleasant day, thank you.');
    const { events, text, error } = await collect(vendor, requestFor());
    expect(error).toBeUndefined();
    expect(text).toBe('I had a quiet, pleasant day, thank you.');
    expect(events.filter((e) => e.kind === 'done')).toHaveLength(1);
    const done = events.at(-1);
    expect(done?.kind === 'done' && done.stop).toBe('end');
    expect(done?.kind === 'done' && done.usage.outputTokens).toBeGreaterThan(0);
  });

  test.for(FAULTS)('case 56: throws once and in time on %o', async ([fault, failure]) => {
    const { vendor, emulator } = withFault(fault);
    emulator.setReply(() => 'One two three four five six seven eight nine ten.');
    const from = emulator.log.entries.length;
    const startedAtMs = performance.now();
    // Twenty megabytes take a busy machine a while, and they are not late: they are too many.
    const patience = fault.kind === 'oversize' ? { firstTokenTimeoutMs: 5_000 } : {};
    const { events, error } = await collect(vendor, requestFor(patience));
    expect(error?.failure).toBe(failure);
    expect(events.some((e) => e.kind === 'done')).toBe(false);
    expect(performance.now() - startedAtMs).toBeLessThan(fault.kind === 'oversize' ? 6_000 : 1_500);
    if (fault.kind === 'status') expect(error?.status).toBe(fault.status);
    if (fault.kind === 'status' && fault.retryAfterSeconds !== undefined) {
      expect(error?.retryAfterMs).toBe(7_000);
    }
    const faults = emulator.log.entries.slice(from).filter((e) => e.what === 'fault');
    // A pooled connection that dies before any answer is replaced once; nothing else is repeated.
    expect(faults.length).toBeLessThanOrEqual(fault.kind === 'refuse' ? 2 : 1);
  });

  test('says nothing twice when every message comes twice', async () => {
    const { vendor, emulator, seesRepeats = false } = withFault({ kind: 'duplicate' });
    emulator.setReply(() => 'One two three four five.');
    const { text, error } = await collect(vendor, requestFor());
    expect(error?.failure).toBe(seesRepeats ? undefined : 'garbage');
    expect(text).toBe(seesRepeats ? 'One two three four five.' : '');
  });

  test('case 56: a stall after the first token is noticed within its limit', async () => {
    const { vendor, emulator } = withFault({ kind: 'stall', afterMessages: 1 });
    emulator.setReply(() => 'One two three four five.');
    const startedAtMs = performance.now();
    const { error } = await collect(vendor, requestFor({ stallTimeoutMs: 200 }));
    expect(error?.failure).toBe('stalled');
    expect(performance.now() - startedAtMs).toBeLessThan(100 + 200 + 250);
  });

  test('cancelling is seen by the vendor at once and thrown as cancelled', async () => {
    const { vendor, emulator } = start();
    emulator.setReply(() => 'word '.repeat(200));
    const from = emulator.log.entries.length;
    const controller = new AbortController();
    const events: LlmEvent[] = [];
    const run = (async () => {
      for await (const event of vendor.stream(requestFor({ signal: controller.signal }))) {
        events.push(event);
        if (events.length === 3) controller.abort();
      }
    })();
    const error: unknown = await run.catch((e: unknown) => e);
    expect((error as VendorError).failure).toBe('cancelled');
    expect(events).toHaveLength(3);
    // This one's: what an earlier test gave up may be heard of a moment later.
    await emulator.log.waitFor(
      (e) =>
        e.what === 'aborted' &&
        (e.plannedTokens ?? 0) > 100 &&
        emulator.log.entries.indexOf(e) >= from,
    );
  });

  test('a signal aborted beforehand sends nothing', async () => {
    const { vendor, emulator } = start();
    const from = emulator.log.entries.length;
    const { error } = await collect(vendor, requestFor({ signal: AbortSignal.abort() }));
    expect(error?.failure).toBe('cancelled');
    await sleep(50);
    expect(emulator.log.entries.slice(from)).toEqual([]);
  });

  test('leaving the loop stops the generation', async () => {
    const { vendor, emulator } = start();
    emulator.setReply(() => 'word '.repeat(200));
    const from = emulator.log.entries.length;
    for await (const event of vendor.stream(requestFor())) {
      if (event.kind === 'text') break;
    }
    const aborted = await emulator.log.waitFor(
      (e) => e.what === 'aborted' && emulator.log.entries.indexOf(e) >= from,
    );
    expect(aborted).toMatchObject({ plannedTokens: expect.any(Number) });
    expect(emulator.log.entries.slice(from).some((e) => e.what === 'complete')).toBe(false);
  });

  test('a slow consumer is not taken for a stalled vendor', async () => {
    const { vendor, emulator } = start();
    emulator.setReply(() => 'One two three.');
    const texts: string[] = [];
    for await (const event of vendor.stream(requestFor({ stallTimeoutMs: 100 }))) {
      if (event.kind === 'text') texts.push(event.text);
      await sleep(150);
    }
    expect(texts.join('')).toBe('One two three.');
  });
}
