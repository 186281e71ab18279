/**
 * Many tests run in real time. What failed while the host of this machine kept much of it for others
 * is played again when everything else is over: alone, after a wait for the host, and again as long
 * as the host spoils the replays too, within limits. Every replay is said aloud and stands in the
 * sum. What fails on a machine that was ours is a failure at once.
 */
import { SPOILING_PERCENT, type HostWatch } from './host-share.ts';
import { play, type Played, type Step } from './play.ts';
import type { FileCounts } from './vitest-report.ts';

/** A step that has been played, and what came of it. */
export type StepPlay = {
  readonly step: Step;
  readonly files: Map<string, FileCounts>;
  readonly ran: NonNullable<FileCounts['ran']>;
  /** What was played again, with what the host had kept; whatever became of it. */
  readonly replayed: string[];
};

/** Test files, one of them or a whole step by its name. */
type Spoiled = { readonly played: StepPlay; readonly name: string; readonly kept: number };

const MAX_REPLAYS = 4;
/** For the host, before one replay and in all. */
const MAX_WAIT_MS = 60_000;
const MAX_WAITED_MS = 10 * 60_000;
/** Since the process began: no replay begins later, and none goes on beyond. */
const LAST_REPLAY_MS = 70 * 60_000;
const ALL_OVER_MS = 80 * 60_000;
/** Before its first test a file is loaded and sets things up. */
const SETUP_MS = 5_000;

/** Puts what comes of the replays into the plays' `files` and `replayed`. */
export async function playSpoiledAgain(plays: readonly StepPlay[], host: HostWatch): Promise<void> {
  let leftToWaitMs = MAX_WAITED_MS;
  for (let round = 0; round < MAX_REPLAYS; round += 1) {
    for (const spoiled of plays.flatMap((played) => spoiledOf(played, host))) {
      const startedMs = process.uptime() * 1_000;
      if (startedMs > LAST_REPLAY_MS) return;
      sayAgain(spoiled);
      leftToWaitMs -= await host.settled(Math.min(MAX_WAIT_MS, leftToWaitMs));
      await playAgain(spoiled, ALL_OVER_MS - startedMs);
    }
  }
}

function spoiledOf(played: StepPlay, host: HostWatch): Spoiled[] {
  return [...played.files]
    .filter(([, { failures }]) => failures.length > 0)
    .map(([name, { ran = played.ran }]) => {
      return { played, name, kept: host.keptBetween(ran.fromMs - SETUP_MS, ran.toMs) };
    })
    .filter(({ kept }) => kept >= SPOILING_PERCENT);
}

function sayAgain({ played, name, kept }: Spoiled): void {
  const { step, replayed } = played;
  const what = name === step.name ? name : `${step.name}: ${name}`;
  process.stderr.write(`\n── again, the host kept up to ${kept} % of this machine: ${what}\n`);
  replayed.push(`${what} (the host kept up to ${kept} %)`);
}

async function playAgain({ played, name }: Spoiled, limitMs: number): Promise<void> {
  const { files } = played;
  const step = { ...played.step, timeoutMs: Math.min(played.step.timeoutMs, limitMs) };
  const fromMs = Date.now();
  if (name !== step.name) {
    const outcome = await play(step, name);
    const ran = outcome.get(name)?.ran ?? { fromMs, toMs: Date.now() };
    files.set(name, { ...sumOf(outcome), ran });
    return;
  }
  const outcome = await play(step);
  const ran = { fromMs, toMs: Date.now() };
  files.clear();
  for (const [file, counts] of outcome) files.set(file, { ran, ...counts });
}

/** Of a file alone; whatever went wrong beside its tests is its own. */
function sumOf(outcome: Played): FileCounts {
  const counts = [...outcome.values()];
  return {
    passed: counts.reduce((sum, { passed }) => sum + passed, 0),
    failures: counts.flatMap(({ failures }) => failures),
  };
}
