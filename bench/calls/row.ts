/** A run's figures, as they are printed. */
import type { Quality } from './gate.ts';
import { turnsOf, type PlainTurn } from './join.ts';
import type { LevelRun } from './level.ts';
import { hundredth, spreadOf, worseOf, type Spread } from './stats.ts';

export type Row = {
  readonly calls: number;
  readonly seconds: number;
  /** Of which the machine was quiet: times and CPU are of these, if `quality` does not say of all. */
  readonly quietSeconds: number;
  /** Plain turns: the caller's wait less the vendors' scripted waits. */
  readonly addedMs: Spread | undefined;
  /** Turns with a draft: end of turn → first media. */
  readonly eagerMs: Spread | undefined;
  /** a + b + d. */
  readonly ownWorkMs: Spread | undefined;
  readonly parts: Readonly<
    Record<'groupingMs' | 'aMs' | 'bMs' | 'cMs' | 'dMs', Spread | undefined>
  >;
  readonly bargeInMs: Spread | undefined;
  readonly bargeInsMissed: number;
  /** Turns over the reply after whose clear media still came. */
  readonly bargeInsLeaky: number;
  readonly greetingMs: Spread | undefined;
  /**
   * The worse of two, share by share: how late audio was forwarded, of all messages, and how long the
   * caller heard nothing in the middle of an answer, of all answers. The many messages would hide gaps.
   */
  readonly latenessMs: Spread | undefined;
  /** Gaps in what callers heard, at all times. */
  readonly underruns: number;
  readonly cpuMsPerCallSecond: number;
  /** Part of the CPU time: collecting garbage, on the thread of the calls. */
  readonly gcMsPerCallSecond: number;
  /** Of the server's event loop, p99. */
  readonly loopDelayP99Ms: number;
  /** Null of fewer than ten calls: what a process gives back by itself is more than those take. */
  readonly kbPerCall: number | null;
  readonly idleMb: number;
  readonly draftWasteShare: number;
  readonly unanswered: number;
  readonly callsLost: number;
  readonly unjudged: number;
  /** Spans that a receiver took; only of traced runs. */
  readonly spans?: number;
  readonly quality: Quality;
};

export function rowOf(run: LevelRun, quality: Quality): Row {
  const { joined, calls, seconds, quietSeconds, countedSeconds } = run;
  const part = (name: keyof PlainTurn): Spread | undefined =>
    spreadOf(joined.plain.map((turn) => turn[name]));
  return {
    calls,
    seconds: hundredth(seconds),
    quietSeconds: hundredth(quietSeconds),
    addedMs: part('addedMs'),
    eagerMs: spreadOf(joined.eagerMs),
    ownWorkMs: part('ownWorkMs'),
    parts: {
      groupingMs: part('groupingMs'),
      aMs: part('aMs'),
      bMs: part('bMs'),
      cMs: part('cMs'),
      dMs: part('dMs'),
    },
    bargeInMs: spreadOf(joined.bargeInMs),
    bargeInsMissed: joined.bargeInsMissed,
    bargeInsLeaky: joined.bargeInsLeaky,
    greetingMs: spreadOf(run.greetingMs),
    latenessMs: latenessOf(run),
    underruns: run.underruns,
    cpuMsPerCallSecond: hundredth(run.cpuMs / countedSeconds / calls),
    gcMsPerCallSecond: hundredth(run.gcMs / seconds / calls),
    loopDelayP99Ms: hundredth(run.loopDelayP99Ms),
    kbPerCall: calls < 10 ? null : Math.round((run.rssKb - run.idleRssKb) / calls),
    idleMb: Math.round(run.idleRssKb / 1024),
    draftWasteShare: hundredth(joined.draftWasteShare),
    unanswered: joined.unanswered,
    callsLost: run.lost.length,
    unjudged: joined.unjudged,
    ...(run.spans === undefined ? {} : { spans: run.spans }),
    quality,
  };
}

/** Answers without a gap count as 0 ms. */
function latenessOf(
  run: Pick<LevelRun, 'joined' | 'forwardLatenessMs' | 'underrunMs'>,
): Spread | undefined {
  const { joined, forwardLatenessMs, underrunMs } = run;
  const whole = turnsOf(joined) - underrunMs.length;
  const forwarded = spreadOf(forwardLatenessMs);
  const heard = spreadOf([...underrunMs, ...Array<number>(Math.max(0, whole)).fill(0)]);
  return forwarded && heard ? worseOf(forwarded, heard) : (forwarded ?? heard);
}

type Column = readonly [title: string, value: (row: Row) => string];

const p = (spread: Spread | undefined, ...shares: ('p50' | 'p95' | 'p99' | 'max')[]): string =>
  spread === undefined ? '–' : shares.map((share) => spread[share].toFixed(1)).join(' / ');

const COLUMNS: readonly Column[] = [
  ['calls', (row) => String(row.calls)],
  ['added p50/p95/p99', (row) => p(row.addedMs, 'p50', 'p95', 'p99')],
  ['eager p50/p95', (row) => p(row.eagerMs, 'p50', 'p95')],
  ['own p50/p95/p99', (row) => p(row.ownWorkMs, 'p50', 'p95', 'p99')],
  ['a p50/p95', (row) => p(row.parts.aMs, 'p50', 'p95')],
  ['b p50/p95', (row) => p(row.parts.bMs, 'p50', 'p95')],
  ['c p50/p95', (row) => p(row.parts.cMs, 'p50', 'p95')],
  ['d p50/p95', (row) => p(row.parts.dMs, 'p50', 'p95')],
  ['barge-in p95/p99', (row) => p(row.bargeInMs, 'p95', 'p99')],
  ['greeting p50/p95', (row) => p(row.greetingMs, 'p50', 'p95')],
  ['late p99', (row) => p(row.latenessMs, 'p99')],
  ['underruns', (row) => String(row.underruns)],
  ['loop p99', (row) => row.loopDelayP99Ms.toFixed(1)],
  ['CPU ms/call-s', (row) => row.cpuMsPerCallSecond.toFixed(2)],
  ['GC of it', (row) => row.gcMsPerCallSecond.toFixed(2)],
  ['KB/call', (row) => String(row.kbPerCall ?? '–')],
  ['wasted drafts', (row) => `${(row.draftWasteShare * 100).toFixed(0)} %`],
  ['turns', (row) => String((row.addedMs?.n ?? 0) + (row.eagerMs?.n ?? 0))],
  ['bad', (row) => String(row.unanswered + row.callsLost + row.bargeInsMissed + row.bargeInsLeaky)],
  ['quiet s', (row) => `${row.quietSeconds.toFixed(0)} of ${row.seconds.toFixed(0)}`],
  ['steal', (row) => `${(row.quality.stealShare * 100).toFixed(1)} %`],
  ['spoiled by', (row) => row.quality.spoiledBy.join(', ')],
];

/** A Markdown table; milliseconds unless the title says otherwise. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((row) => COLUMNS.map(([, value]) => value(row)));
  const titles = COLUMNS.map(([title]) => title);
  const line = (list: readonly string[]): string => `| ${list.join(' | ')} |`;
  return [line(titles), line(titles.map(() => '---')), ...cells.map(line)].join('\n');
}
