/** What a scenario is, and what all of them need. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import type { Conversation } from './conversation.ts';
import { traceOf } from './trace.ts';
import type { World } from './world.ts';

export type RunOptions = {
  /** Shorter outages, fewer calls and kills: for `npm test`. */
  readonly short: boolean;
  /** How often a process is killed in all. */
  readonly kills: number;
  readonly seed: number;
  /** Progress, for people. */
  readonly say: (line: string) => void;
};

export type Figures = Readonly<Record<string, number | string | boolean>>;

/** No findings: every promise was kept. */
export type Outcome = { readonly figures: Figures; readonly findings: readonly string[] };

export type Scenario = {
  readonly name: string;
  /** What is promised, in one line. */
  readonly promise: string;
  readonly run: (options: RunOptions) => Promise<Outcome>;
};

/** Runs `work` in a world of its own, which is taken down whatever happens. */
export async function inWorld<T>(
  world: Promise<World>,
  work: (world: World) => Promise<T>,
): Promise<T> {
  const made = await world;
  try {
    return await work(made);
  } finally {
    await made.close();
  }
}

/** Polls; resolves with how long it took, or undefined where it never held within the time. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  everyMs = 25,
): Promise<number | undefined> {
  const beganAtMs = monotonicMs();
  for (;;) {
    if (await condition()) return monotonicMs() - beganAtMs;
    if (monotonicMs() - beganAtMs > timeoutMs) return undefined;
    await sleep(everyMs);
  }
}

const WARM_TIMEOUT_MS = 40_000;
/** A server that has just started may say that it is busy; people call again. */
const REDIALS = 5;
const REDIAL_AFTER_MS = 3_000;

/** Callers in the midst of it: each has been answered at least `turns` times. */
export async function underWay(world: World, count: number, turns = 1): Promise<Conversation[]> {
  let conversations = await world.dialMany(count);
  for (let redial = 0; ; redial += 1) {
    const ready = await waitUntil(
      () => conversations.every((each) => each.answered >= turns || !each.isOn),
      WARM_TIMEOUT_MS,
    );
    if (ready === undefined) {
      throw new Error(`callers were not answered at first\n${whatWentWrong(world)}`);
    }
    const gone = conversations.filter((each) => !each.isOn);
    if (gone.length === 0) return conversations;
    if (redial >= REDIALS || gone.some((each) => each.end?.how !== 'hangup-verb')) {
      const how = gone.map((each) => `${each.call}: ${each.end?.how ?? ''}`);
      throw new Error(`calls ended at first (${how.join()})\n${whatWentWrong(world)}`);
    }
    await sleep(REDIAL_AFTER_MS);
    const again = await world.dialMany(gone.length);
    conversations = [...conversations.filter((each) => each.isOn), ...again];
  }
}

/** The newest complaints of the carrier and of the instances, for whoever looks into a failure. */
function whatWentWrong(world: World): string {
  const errors = world.twilio.log.all('error').slice(-3);
  const warnings = [...world.instances.values()].flatMap((instance) =>
    instance.logged(40).slice(-3),
  );
  return [...errors, ...warnings].map((entry) => JSON.stringify(entry)).join('\n');
}

const AGAIN_TIMEOUT_MS = 25_000;

/** Waits until each has been answered once more than now. @returns those who were not. */
export async function answeredAgain(
  world: World,
  conversations: readonly Conversation[],
  { say }: Pick<RunOptions, 'say'>,
): Promise<Conversation[]> {
  const before = new Map(conversations.map((each) => [each, each.answered]));
  const isBehind = (each: Conversation): boolean => each.answered <= (before.get(each) ?? 0);
  await waitUntil(
    () => conversations.every((each) => !isBehind(each) || !each.isOn),
    AGAIN_TIMEOUT_MS,
  );
  const behind = conversations.filter(isBehind);
  for (const each of behind) say(traceOf(world, each));
  return behind;
}

/** The value below which the given share of the values lies; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1);
  return Math.round(sorted[Math.max(0, at)] ?? 0);
}
