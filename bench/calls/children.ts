/** Child processes on cores of their own: started, spoken to, ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Notice, Order, Report } from './messages.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const TASKSET = ['/usr/bin/taskset', '/bin/taskset'].find((path) => existsSync(path));
const READY_TIMEOUT_MS = 60_000;
const REPORT_TIMEOUT_MS = 30_000;
const EXIT_TIMEOUT_MS = 10_000;

export type Spawned = { readonly child: ChildProcess; readonly exited: Promise<void> };

/** Runs our Node on one core, all its threads. Where there is no `taskset` it runs anywhere. */
export function spawnPinned(
  core: number,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly output?: number | 'pipe' | 'inherit';
    readonly ipc?: boolean;
  } = {},
): Spawned {
  const { cwd = ROOT, env = process.env, output = 'inherit', ipc = false } = options;
  const stdio = [
    'ignore' as const,
    output,
    output === 'pipe' ? ('inherit' as const) : output,
    ...(ipc ? ['ipc' as const] : []),
  ];
  const pin = TASKSET === undefined ? [] : [TASKSET, '-c', String(core)];
  const [program = process.execPath, ...rest] = [...pin, process.execPath, ...args];
  const child = spawn(program, rest, { cwd, env, stdio });
  // Whoever ends this process ends what it started.
  const onExit = (): void => void child.kill('SIGKILL');
  process.on('exit', onExit);
  child.once('exit', () => process.off('exit', onExit));
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  return { child, exited };
}

/** V8's helper threads share the one core with a helper's own, and each would take a time slice. */
const ONE_THREAD = '--v8-pool-size=1';

/** SIGTERM, a bounded wait, SIGKILL. */
export async function end({ child, exited }: Spawned, signal: NodeJS.Signals = 'SIGTERM') {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** A helper process that obeys orders. */
export class Helper {
  readonly #spawned: Spawned;
  readonly #file: string;
  readonly #waiting = new Set<{ take: (notice: Notice) => boolean; fail: (e: Error) => void }>();

  constructor(core: number, file: string) {
    this.#file = file;
    this.#spawned = spawnPinned(core, [ONE_THREAD, `bench/calls/${file}`], { ipc: true });
    this.#spawned.child.on('message', (notice: Notice) => {
      for (const waiter of this.#waiting) if (waiter.take(notice)) this.#waiting.delete(waiter);
    });
    void this.#failWhenGone();
  }

  /** The environment that points the server here. */
  async ready(): Promise<Readonly<Record<string, string>>> {
    return await this.#next(
      (notice) =>
        'notice' in notice && notice.notice === 'ready' ? notice.environment : undefined,
      READY_TIMEOUT_MS,
    );
  }

  order(order: Order): void {
    this.#spawned.child.send(order);
  }

  async until(wanted: 'ramped' | 'gone', timeoutMs: number): Promise<void> {
    await this.#next(
      (notice) => ('notice' in notice && notice.notice === wanted ? true : undefined),
      timeoutMs,
    );
  }

  async report<R extends Report['report']>(kind: R): Promise<Extract<Report, { report: R }>> {
    const answer = this.#next((notice) => {
      const isIt = 'report' in notice && notice.report === kind;
      return isIt ? (notice as Extract<Report, { report: R }>) : undefined;
    }, REPORT_TIMEOUT_MS);
    this.order({ order: 'report' });
    return await answer;
  }

  async stop(): Promise<void> {
    await end(this.#spawned);
  }

  /** Never rejects. */
  async #failWhenGone(): Promise<void> {
    await this.#spawned.exited;
    for (const { fail } of this.#waiting) fail(new Error(`${this.#file} ended`));
    this.#waiting.clear();
  }

  async #next<T>(pick: (notice: Notice) => T | undefined, timeoutMs: number): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timer = setTimeout(
      () => reject(new Error(`${this.#file} said nothing within ${timeoutMs} ms`)),
      timeoutMs,
    );
    this.#waiting.add({
      take: (notice) => {
        const found = pick(notice);
        if (found === undefined) return false;
        resolve(found);
        return true;
      },
      fail: reject,
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
