/** One instance: the real server as a process of its own, watched from outside. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ALLOCATOR, NODE_FLAGS } from '../../bench/calls/server.ts';
import { monotonicMs } from '../../emulators/clock.ts';
import { endWithUs } from './children.ts';
import { levelOf, type Level } from './inspector.ts';
import { freePort } from './ports.ts';

const ROOT = join(import.meta.dirname, '../..');
const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 5;
const MAX_OUTPUT_CHARS = 4_000_000;

export type InstanceOptions = {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** False: nothing listens but the server, as for measuring a start. Default true. */
  readonly debugger?: boolean;
};

export type Instance = {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly url: string;
  /** Spawn → first readiness. */
  readonly startMs: number;
  /** What it wrote on standard output and error; the newest part. */
  output(): string;
  /** Lines of its log at least this grave, parsed: 40 warning, 50 error. */
  logged(level: number): Record<string, unknown>[];
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or undefined where a signal ended it; and when. */
  readonly exited: Promise<{ readonly code: number | undefined; readonly atMs: number }>;
  isRunning(): boolean;
  level(): Promise<Level>;
  /** Open files and sockets, as the kernel counts them. */
  descriptors(): number;
  /** One figure of `/metrics` summed over its labels; undefined where it is not served. */
  metric(name: string, labels?: RegExp): Promise<number | undefined>;
  /** The largest file that it may write from now on; undefined: any. For a disk that is full. */
  limitFiles(bytes: number | undefined): Promise<void>;
};

export const METRICS_TOKEN = 'reliability-metrics-token';

export async function startInstance(options: InstanceOptions): Promise<Instance> {
  const port = await freePort();
  const inspected = options.debugger ?? true;
  const beganAtMs = monotonicMs();
  const child = spawn(
    process.execPath,
    [...NODE_FLAGS, ...(inspected ? ['--inspect=127.0.0.1:0'] : []), 'src/main.ts'],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        ...ALLOCATOR,
        NODE_ENV: 'development',
        LOG_LEVEL: 'info',
        METRICS_TOKEN,
        PORT: String(port),
        ...options.env,
      },
    },
  );
  endWithUs(child);
  let output = '';
  const keep = (part: Buffer): void => {
    output += part.toString('utf8');
    if (output.length > MAX_OUTPUT_CHARS) output = output.slice(-MAX_OUTPUT_CHARS / 2);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<{ code: number | undefined; atMs: number }>((resolve) => {
    child.once('exit', (code) => resolve({ code: code ?? undefined, atMs: monotonicMs() }));
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(`${url}/health/ready`, child);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${options.name}: ${why}\n${output.slice(-3_000)}`, { cause: error });
  }
  const pid = child.pid ?? 0;
  return {
    name: options.name,
    port,
    pid,
    url,
    startMs: Math.round(monotonicMs() - beganAtMs),
    output: () => output,
    logged: (level) => linesOf(output).filter((line) => Number(line['level']) >= level),
    signal: (signal) => void child.kill(signal),
    exited,
    isRunning: () => child.exitCode === null && child.signalCode === null,
    level: async () => {
      const found = /Debugger listening on (ws:\S+)/.exec(output)?.[1];
      if (found === undefined) throw new Error(`${options.name} has no debugger`);
      return await levelOf(found);
    },
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
    metric: async (name, labels) => await readMetric(url, name, labels),
    limitFiles: async (bytes) => {
      const soft = bytes === undefined ? 'unlimited' : String(bytes);
      await promisify(execFile)('prlimit', ['--pid', String(pid), `--fsize=${soft}:unlimited`]);
    },
  };
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadlineMs = monotonicMs() + READY_TIMEOUT_MS;
  while (monotonicMs() < deadlineMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('ended at once');
    const ready = await fetch(url, { signal: AbortSignal.timeout(2_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ready) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error('was not ready in time');
}

const DATABASE_TIMEOUT_MS = 60_000;

/** An instance takes calls before its database is there: it is opened, and migrated, behind that. */
export async function untilDatabaseIsUp(instance: Instance): Promise<void> {
  const deadlineMs = monotonicMs() + DATABASE_TIMEOUT_MS;
  while (monotonicMs() < deadlineMs) {
    if ((await instance.metric('hearthline_database_up').catch(() => undefined)) === 1) return;
    await sleep(100);
  }
  throw new Error(
    `${instance.name}: the database did not come up\n${instance.output().slice(-2_000)}`,
  );
}

function linesOf(output: string): Record<string, unknown>[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as Record<string, unknown>];
    } catch {
      // Its first half was let go.
      return [];
    }
  });
}

async function readMetric(url: string, name: string, labels: RegExp = /(?:)/) {
  const response = await fetch(`${url}/metrics`, {
    headers: { authorization: `Bearer ${METRICS_TOKEN}` },
    signal: AbortSignal.timeout(5_000),
  });
  const page = await response.text();
  const lines = page.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? ([-+\\d.eE]+|NaN)$`, 'gm'));
  const values = [...lines].filter((match) => labels.test(match[1] ?? ''));
  if (values.length === 0) return undefined;
  return values.reduce((sum, match) => sum + Number(match[2]), 0);
}
