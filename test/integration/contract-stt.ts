/**
 * What every speech-to-text vendor owes its port, over a real socket to an emulator. Each vendor's
 * test file runs the whole suite.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { SttEvent, SttOptions, SttSession, SttVendor } from '../../adapters/stt/port.ts';
import type { DeepgramEmulator, DeepgramSurface } from '../../emulators/deepgram/types.ts';
import type { Fault } from '../../emulators/faults.ts';
import { buildUtterance } from '../../emulators/speech/utterance.ts';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';

export type SttContract = {
  readonly emulator: DeepgramEmulator;
  readonly surface: DeepgramSurface;
  readonly vendor: SttVendor;
};

const SETTINGS = { eotThreshold: 0.7, eagerEotThreshold: 0.5, eotTimeoutMs: 3_000 };
const FRAME_BYTES = 160;
const OPEN_TIMEOUT_MS = 400;

/** A session with what it reported. Closed at the end of the test. */
export async function openSession(
  vendor: SttVendor,
  options: Partial<SttOptions> = {},
): Promise<{ session: SttSession; events: SttEvent[]; texts: () => string[] }> {
  const events: SttEvent[] = [];
  const session = await vendor.open({
    language: 'en-US',
    endOfTurn: SETTINGS,
    keyterms: [],
    openTimeoutMs: OPEN_TIMEOUT_MS,
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => session.close());
  const texts = (): string[] => events.flatMap((e) => (e.kind === 'end' ? [e.text] : []));
  return { session, events, texts };
}

/** Sends frames about ten times faster than they sound, until `done` or the end. */
export async function play(
  session: SttSession,
  mulaw: Uint8Array,
  done: () => boolean = () => false,
): Promise<void> {
  for (let at = 0; at < mulaw.length && !done(); at += FRAME_BYTES) {
    session.sendAudio(mulaw.subarray(at, at + FRAME_BYTES));
    if (at % (FRAME_BYTES * 10) === 0) await sleep(10);
  }
}

export async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (!holds() && performance.now() < deadlineMs) await sleep(5);
  return holds();
}

const garden = buildUtterance([
  { pauseMs: 300 },
  { say: 'My roses are doing well.' },
  { pauseMs: 3_000 },
  { say: 'I water them in the morning.' },
  { pauseMs: 3_000 },
]);

const REFUSALS: readonly [Fault, VendorFailure][] = [
  [{ kind: 'status', status: 401 }, 'auth'],
  [{ kind: 'status', status: 403 }, 'auth'],
  [{ kind: 'status', status: 400 }, 'bad-request'],
  [{ kind: 'status', status: 429, retryAfterSeconds: 7 }, 'rate-limited'],
  [{ kind: 'status', status: 503 }, 'overloaded'],
  [{ kind: 'refuse' }, 'unreachable'],
  [{ kind: 'hang' }, 'no-first-byte'],
];

const BREAKS: readonly [Fault, readonly VendorFailure[]][] = [
  [{ kind: 'garbage' }, ['garbage']],
  [{ kind: 'wrong-shape' }, ['garbage']],
  [{ kind: 'oversize', bytes: 1_000_000 }, ['garbage']],
  [{ kind: 'cut', afterMessages: 0 }, ['cut']],
  [{ kind: 'cut', afterMessages: 4 }, ['cut']],
  [{ kind: 'stall', afterMessages: 4 }, ['stalled']],
  [{ kind: 'stream-error', afterMessages: 3 }, ['overloaded', 'cut']],
  [{ kind: 'stop-reading' }, ['stalled']],
];

const BENT: readonly Fault[] = [
  { kind: 'wrong-order' },
  { kind: 'duplicate' },
  { kind: 'slow', factor: 5 },
];

export function sttContract(start: () => SttContract): void {
  const withFault = (fault: Fault, times?: number): SttContract => {
    const world = start();
    const rule = { fault, surface: world.surface, ...(times === undefined ? {} : { times }) };
    onTestFinished(world.emulator.faults.add(rule));
    return world;
  };

  test('reports whole turns: started first, end last, turns counted from 0', async () => {
    const { vendor, emulator } = start();
    const { session, events, texts } = await openSession(vendor);
    await play(session, (await garden).mulaw);
    await until(() => texts().length === 2, 3_000);
    expect(texts()).toEqual(['My roses are doing well.', 'I water them in the morning.']);
    expectOrdered(events);
    session.close();
    expect(await until(() => emulator.connections() === 0, 2_000)).toBe(true);
  });

  test('case 51: audio arrives complete, in order, grouped, and never as an empty frame', async () => {
    const { vendor, emulator } = start();
    const from = emulator.log.entries.length;
    const { session } = await openSession(vendor);
    const { mulaw } = await garden;
    session.sendAudio(mulaw.subarray(0, 1));
    session.sendAudio(mulaw.subarray(1, 5_000));
    await play(session, mulaw.subarray(5_000));
    const received = (): number =>
      emulator.log.entries
        .slice(from)
        .reduce((sum, e) => sum + (e.what === 'audio' ? e.bytes : 0), 0);
    expect(await until(() => received() > mulaw.length - 640, 2_000)).toBe(true);
    const frames = emulator.log.entries
      .slice(from)
      .flatMap((e) => (e.what === 'audio' ? [e.bytes] : []));
    expect(Math.max(...frames)).toBe(640);
    expect(Math.min(...frames)).toBeGreaterThan(0);
    const words = emulator.log.entries
      .slice(from)
      .flatMap((e) => (e.what === 'word' ? [e.word] : []));
    expect(words.filter((word) => word.damaged)).toEqual([]);
    expect(words).toHaveLength(11);
  });

  test('reports nothing after close, and close may be repeated', async () => {
    const { vendor } = start();
    const { session, events } = await openSession(vendor);
    await play(session, (await garden).mulaw.subarray(0, 12_000));
    expect(await until(() => events.length > 0, 2_000)).toBe(true);
    session.close();
    session.close();
    const before = events.length;
    session.sendAudio(new Uint8Array(1_600));
    session.configure(SETTINGS);
    await sleep(150);
    expect(events).toHaveLength(before);
  });

  test('may be closed from within its own event', async () => {
    const { vendor, emulator } = start();
    const events: SttEvent[] = [];
    const { session } = await openSession(vendor, {
      onEvent: (event) => {
        events.push(event);
        session.close();
      },
    });
    await play(session, (await garden).mulaw);
    expect(events).toHaveLength(1);
    expect(await until(() => emulator.connections() === 0, 2_000)).toBe(true);
  });

  test.for(REFUSALS)('case 52: open fails once and quickly on %o', async ([fault, failure]) => {
    const { vendor, emulator } = withFault(fault);
    const from = emulator.log.entries.length;
    const startedAtMs = performance.now();
    const error: unknown = await openSession(vendor).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(VendorError);
    expect((error as VendorError).failure).toBe(failure);
    if (fault.kind === 'status') expect((error as VendorError).status).toBe(fault.status);
    if (fault.kind === 'status' && fault.retryAfterSeconds !== undefined) {
      expect((error as VendorError).retryAfterMs).toBe(7_000);
    }
    expect(performance.now() - startedAtMs).toBeLessThan(OPEN_TIMEOUT_MS + 300);
    await sleep(100);
    const tries = emulator.log.entries.slice(from).filter((e) => e.what === 'connect');
    expect(tries).toHaveLength(1);
  });

  test('fails as unreachable where nobody listens', async () => {
    const { vendor } = withFault({ kind: 'refuse' });
    const error: unknown = await openSession(vendor).catch((e: unknown) => e);
    expect((error as VendorError).failure).toBe('unreachable');
  });

  test.for(BREAKS)('case 51: fails once on %o', async ([fault, failures]) => {
    const { vendor, emulator } = withFault(fault, 1);
    const { session, events } = await openSession(vendor);
    const isFailed = (): boolean => events.some((e) => e.kind === 'failed');
    await play(session, (await garden).mulaw, isFailed);
    expect(await until(isFailed, 3_000)).toBe(true);
    const last = events.at(-1);
    expect(last?.kind === 'failed' && failures.includes(last.error.failure)).toBe(true);
    session.sendAudio(new Uint8Array(1_600));
    await sleep(100);
    expect(events.filter((e) => e.kind === 'failed')).toHaveLength(1);
    expect(events.at(-1)).toBe(last);
    if (fault.kind !== 'stop-reading') {
      expect(await until(() => emulator.connections() === 0, 2_000)).toBe(true);
    }
  });

  test('case 49: fails as stalled when audio flows and nothing ever comes back', async () => {
    const { vendor } = withFault({ kind: 'stall', afterMessages: 0 }, 1);
    const { session, events } = await openSession(vendor);
    const silence = new Uint8Array(30_000 * 8).fill(0xff);
    for (let at = 0; at < silence.length && events.length === 0; at += 1_600) {
      session.sendAudio(silence.subarray(at, at + 1_600));
      if (at % 16_000 === 0) await sleep(1);
    }
    expect(events.map((e) => (e.kind === 'failed' ? e.error.failure : e.kind))).toEqual([
      'stalled',
    ]);
  });

  test('stays up through a minute of silence', async () => {
    const { vendor } = start();
    const { session, events } = await openSession(vendor);
    const silence = new Uint8Array(1_600).fill(0xff);
    for (let i = 0; i < 300; i += 1) {
      session.sendAudio(silence);
      if (i % 5 === 0) await sleep(2);
    }
    await sleep(100);
    expect(events).toEqual([]);
  });

  test('case 51: a peer that stops reading cannot fill our memory', async () => {
    const { vendor } = withFault({ kind: 'stop-reading' }, 1);
    const { session, events } = await openSession(vendor);
    const second = new Uint8Array(8_000).fill(0xff);
    for (let i = 0; i < 3_000 && events.length === 0; i += 1) {
      session.sendAudio(second);
      if (i % 100 === 0) await sleep(1);
    }
    expect(events.map((e) => (e.kind === 'failed' ? e.error.failure : e.kind))).toEqual([
      'stalled',
    ]);
  });

  test.for(BENT)('keeps order and loses no words under %o', async (fault) => {
    const { vendor } = withFault(fault, 1);
    const { session, events, texts } = await openSession(vendor);
    await play(session, (await garden).mulaw);
    await until(() => texts().length === 2, 2_500);
    expectOrdered(events);
    expect(texts().join(' ')).toBe('My roses are doing well. I water them in the morning.');
  });

  test('an answer without words never fails and never ends in words', async () => {
    const { vendor } = withFault({ kind: 'empty' }, 1);
    const { session, events } = await openSession(vendor);
    await play(session, (await garden).mulaw);
    expect(events.filter((e) => e.kind !== 'failed' && e.text !== '')).toEqual([]);
    expectOrdered(events);
  });
}

/** started → … → end for each turn, turns in order, nothing between turns. */
export function expectOrdered(events: readonly SttEvent[]): void {
  let open = false;
  let turn = 0;
  for (const event of events) {
    if (event.kind === 'failed') continue;
    expect(event.turn).toBe(turn);
    expect(event.kind === 'started').toBe(!open);
    open = true;
    if (event.kind === 'end') {
      open = false;
      turn += 1;
    }
  }
}
