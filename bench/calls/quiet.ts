/**
 * The seconds of a run in which the machine was ours. Hosts take cores away in bursts: what falls
 * into one says nothing of the server, and the seconds beside it say as much as ever.
 */
import { monotonicMs } from '../../emulators/clock.ts';
import { readCpuTimes, stealShare } from '../../scripts/host-share.ts';
import type { Cores } from './cores.ts';
import type { Stamped } from './messages.ts';
import { processUse } from './procfs.ts';

/** What the hypervisor may take of any core in use within a second: two ticks of Linux's clock. */
const MAX_STEAL_SHARE = 0.02;
const SECOND_MS = 1_000;
/** After a burst this passes until what it held up is dealt with. */
const BACKLOG_MS = 1_000;

/** About a second of a run, on the machine's monotonic clock; one begins where the last ended. */
export type Second = {
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the core that lost most, 0 to 1. */
  readonly stealShare: number;
  /** CPU time of all the server's threads. */
  readonly cpuMs: number;
};

type Span = { readonly fromMs: number; toMs: number; cpuMs: number };

/** What counts of a time: its quiet seconds, joined where they touch. */
export class QuietTime {
  readonly #spans: readonly Span[];

  /** Of `seconds`, those that lie whole in the time; a burst just before it counts as well. */
  constructor(
    seconds: readonly Second[],
    beganAtMs = -Infinity,
    endedAtMs = Infinity,
    maxStealShare = MAX_STEAL_SHARE,
  ) {
    const spans: Span[] = [];
    let calmFromMs = -Infinity;
    for (const { fromMs, toMs, stealShare: stolen, cpuMs } of seconds) {
      if (stolen > maxStealShare) calmFromMs = toMs + BACKLOG_MS;
      else if (fromMs >= Math.max(calmFromMs, beganAtMs) && toMs <= endedAtMs) {
        const last = spans.at(-1);
        if (last?.toMs === fromMs) {
          last.toMs = toMs;
          last.cpuMs += cpuMs;
        } else spans.push({ fromMs, toMs, cpuMs });
      }
    }
    this.#spans = spans;
  }

  /** Nothing but quiet from the one moment to the other. */
  covers(fromMs: number, toMs: number): boolean {
    return this.#spans.some((span) => span.fromMs <= fromMs && toMs <= span.toMs);
  }

  /** Of single measurements, those taken in quiet. */
  of({ atMs, ms }: Stamped): number[] {
    return ms.filter((_, place) => {
      const at = atMs[place] ?? Number.NaN;
      return this.covers(at, at);
    });
  }

  /** How much of it there is, and the CPU time that the server used in it. */
  sum(): { readonly seconds: number; readonly cpuMs: number } {
    const ms = this.#spans.reduce((total, { fromMs, toMs }) => total + toMs - fromMs, 0);
    return {
      seconds: ms / 1_000,
      cpuMs: this.#spans.reduce((total, { cpuMs }) => total + cpuMs, 0),
    };
  }
}

/** Writes the seconds of a run down, until it is stopped or the server is gone. */
export function watchSeconds(cores: Cores, pid: number) {
  const used = [...new Set(Object.values(cores))];
  const look = () => ({
    atMs: monotonicMs(),
    ticks: used.map((core) => readCpuTimes(core)),
    cpuMs: processUse(pid).cpuMs,
  });
  const lookOr = () => {
    try {
      return look();
    } catch {
      return undefined;
    }
  };
  const seconds: Second[] = [];
  let before = look();
  const timer = setInterval(() => {
    const now = lookOr();
    if (now === undefined) return clearInterval(timer);
    const stolen = used.map((_, i) => stealShare(before.ticks[i], now.ticks[i]) ?? 0);
    seconds.push({
      fromMs: before.atMs,
      toMs: now.atMs,
      stealShare: Math.max(...stolen),
      cpuMs: now.cpuMs - before.cpuMs,
    });
    before = now;
  }, SECOND_MS);
  return {
    seconds: (): readonly Second[] => seconds,
    stop: (): void => clearInterval(timer),
  };
}
