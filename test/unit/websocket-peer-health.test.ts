import { describe, expect, test } from 'vitest';
import { defaultLimits } from '../../websocket/limits.ts';
import { PeerHealth } from '../../websocket/peer-health.ts';

const sweepMs = 250;

/** Checks every 250 ms from `fromMs` to `toMs` and lists what is not 'well', with its time. */
function watch(
  health: PeerHealth,
  fromMs: number,
  toMs: number,
  options: { bufferedBytes?: number; each?: (nowMs: number) => void } = {},
): string[] {
  const seen: string[] = [];
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += sweepMs) {
    options.each?.(nowMs);
    const verdict = health.check(nowMs, options.bufferedBytes ?? 0, false);
    if (verdict !== 'well') seen.push(`${verdict} ${nowMs}`);
  }
  return seen;
}

describe('hearing the peer', () => {
  test('quiet for two seconds: pinged; for five: half-open', () => {
    const health = new PeerHealth(defaultLimits, 0);
    expect(watch(health, sweepMs, 5_000)).toEqual(['ping 2000', 'ping 4000', 'half-open 5000']);
  });

  test('an answered ping makes it a stall instead', () => {
    const health = new PeerHealth(defaultLimits, 0);
    watch(health, sweepMs, 2_000);
    health.pong();
    expect(watch(health, 2_250, 5_000)).toEqual(['ping 4000', 'stalled 5000']);
  });

  test('frames keep it well for an hour', () => {
    const health = new PeerHealth(defaultLimits, 0);
    expect(watch(health, sweepMs, 3_600_000, { each: () => health.frame() })).toEqual([]);
  });

  test('a pong of an earlier quiet spell proves nothing about this one', () => {
    const health = new PeerHealth(defaultLimits, 0);
    watch(health, sweepMs, 2_000);
    health.pong();
    health.frame();
    expect(watch(health, 2_250, 7_250)).toEqual(['ping 4250', 'ping 6250', 'half-open 7250']);
  });

  test('our own absence is not held against the peer', () => {
    const health = new PeerHealth(defaultLimits, 0);
    expect(health.check(60_000, 10_000_000, true)).toBe('well');
    expect(watch(health, 60_250, 62_000)).toEqual(['ping 62000']);
  });
});

describe('what the peer takes', () => {
  test('much unsent is fine for a while, then the peer is slow', () => {
    const health = new PeerHealth(defaultLimits, 0);
    const each = () => health.frame();
    const full = { bufferedBytes: 300_000, each };
    expect(watch(health, sweepMs, 3_000, full)).toEqual([]);
    expect(watch(health, 3_250, 3_250, full)).toEqual(['slow-peer 3250']);
  });

  test('a buffer that empties in between starts afresh', () => {
    const health = new PeerHealth(defaultLimits, 0);
    const each = () => health.frame();
    for (let startMs = 0; startMs < 60_000; startMs += 3_000) {
      expect(
        watch(health, startMs + 250, startMs + 2_750, { bufferedBytes: 300_000, each }),
      ).toEqual([]);
      expect(watch(health, startMs + 3_000, startMs + 3_000, { bufferedBytes: 0, each })).toEqual(
        [],
      );
    }
  });

  test('no send completing for five seconds is a slow peer, however little waits', () => {
    const health = new PeerHealth(defaultLimits, 0);
    health.sent();
    const seen = watch(health, sweepMs, 5_250, { bufferedBytes: 10, each: () => health.frame() });
    expect(seen).toEqual(['slow-peer 5000', 'slow-peer 5250']);
  });

  test('sends that complete, one by one, are progress', () => {
    const health = new PeerHealth(defaultLimits, 0);
    for (let n = 0; n < 100; n += 1) health.sent();
    const each = (nowMs: number) => {
      health.frame();
      if (nowMs % 1_000 === 0) health.flushed();
    };
    expect(watch(health, sweepMs, 60_000, { bufferedBytes: 10, each })).toEqual([]);
  });
});

describe('how the peer behaves', () => {
  test('a thousand messages a second are allowed, with one second’s worth at once', () => {
    const health = new PeerHealth(defaultLimits, 0);
    const burst = () => Array.from({ length: 1_000 }, () => health.message());
    expect(burst().every(Boolean)).toBe(true);
    expect(health.message()).toBe(false);
    health.check(1_000, 0, false);
    health.check(2_000, 0, false);
    expect(burst().every(Boolean)).toBe(true);
  });

  test('bad frames are forgiven slowly', () => {
    const health = new PeerHealth(defaultLimits, 0);
    for (let n = 0; n < 100; n += 1) expect(health.badFrame()).toBe(true);
    expect(health.badFrame()).toBe(false);
    health.check(10_000, 0, false);
    // 101 bad ones, 20 forgiven in ten seconds.
    for (let n = 0; n < 19; n += 1) expect(health.badFrame()).toBe(true);
    expect(health.badFrame()).toBe(false);
  });
});
