/**
 * Runs a list of commands one after the other, or in lanes beside each other, and adds up what passed
 * and failed.
 *
 * Every step runs, whatever happened before it, so that one run shows everything that is wrong. A
 * step has a time limit; one that outlives it is ended together with its children. What the host of
 * the machine spoiled is played again at the end.
 */
import { watchHost, type HostWatch } from './host-share.ts';
import { play, type Step } from './play.ts';
import { playSpoiledAgain, type StepPlay } from './replays.ts';

export type StepResult = {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  /** Of its first play. */
  readonly durationMs: number;
  /** What failed, by name; a test's reason begins on the lines below. */
  readonly failures: readonly string[];
  /** What failed first and was played again, with what the host had kept; whatever became of it. */
  readonly replayed: readonly string[];
};

/** Go on at the same time; the steps of a lane one after the other. */
export type Lanes = readonly (readonly Step[])[];

/**
 * Runs all steps, prints the sum, as JSON where that is wanted, and sets the exit code. `watch`: in
 * place of what looks at this machine.
 */
export async function runSteps(
  stages: readonly (Step | Lanes)[],
  { json }: { readonly json: boolean },
  watch: () => HostWatch = watchHost,
): Promise<void> {
  const host = watch();
  const plays: StepPlay[] = [];
  for (const stage of stages) {
    const lanes = 'name' in stage ? [[stage]] : stage;
    process.stderr.write(`\n── ${lanes.map(nameOf).join(' | ')}\n`);
    plays.push(...(await Promise.all(lanes.map(playLane))).flat());
  }
  await playSpoiledAgain(plays, host);
  host.stop();
  const results = plays.map(resultOf);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  report(results, passed, failed, json);
  process.exitCode = failed === 0 ? 0 : 1;
}

function nameOf(lane: readonly Step[]): string {
  return lane.map(({ name }) => name).join(', ');
}

async function playLane(lane: readonly Step[]): Promise<StepPlay[]> {
  const plays: StepPlay[] = [];
  for (const step of lane) plays.push(await playAndTell(step));
  return plays;
}

async function playAndTell(step: Step): Promise<StepPlay> {
  const fromMs = Date.now();
  const files = new Map(await play(step));
  const played = { step, files, ran: { fromMs, toMs: Date.now() }, replayed: [] };
  const { passed, failed, durationMs } = resultOf(played);
  const seconds = (durationMs / 1000).toFixed(1);
  process.stderr.write(`   ${step.name}: ${passed} passed, ${failed} failed (${seconds} s)\n`);
  return played;
}

function resultOf({ step: { name }, files, ran, replayed }: StepPlay): StepResult {
  const counts = [...files.values()];
  const failures = counts.flatMap((each) => each.failures).map((what) => `${name}: ${what}`);
  const passed = counts.reduce((sum, each) => sum + each.passed, 0);
  const durationMs = ran.toMs - ran.fromMs;
  return { name, passed, failed: failures.length, durationMs, failures, replayed };
}

function report(
  results: readonly StepResult[],
  passed: number,
  failed: number,
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ pass: failed === 0, passed, failed, results })}\n`);
    return;
  }
  process.stdout.write('\n');
  for (const { replayed } of results) {
    for (const replay of replayed) process.stdout.write(`PLAYED AGAIN ${replay}\n`);
  }
  for (const result of results) {
    for (const failure of result.failures) process.stdout.write(`FAILED ${failure}\n`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}
