/** The real server as a process of its own: started, waited for, listened to, ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
/** The server may drain for two seconds here; after this it is killed. */
const EXIT_TIMEOUT_MS = 10_000;
const LOG_TAIL_LINES = 15;

export type ServerProcess = {
  readonly url: string;
  readonly pid: number;
  /** SIGTERM, a bounded wait, SIGKILL. Resolves with the exit code; undefined after a signal. */
  stop(): Promise<number | undefined>;
};

export type ServerOptions = {
  readonly environment: Readonly<Record<string, string>>;
  readonly dataDir: string;
  /** Everything that it prints goes into this file. */
  readonly logFile: string;
};

/**
 * Starts `src/main.ts` on a free port and resolves when it says that it is ready.
 * Rejects, with the end of its log, when it exits first or takes longer than 30 s.
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = openSync(options.logFile, 'w');
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    stdio: ['ignore', log, log],
    env: {
      ...inherited(process.env),
      NODE_ENV: 'development',
      LOG_LEVEL: 'info',
      DRAIN_TIMEOUT_MS: '2000',
      PORT: String(port),
      PUBLIC_URL: url,
      DATA_DIR: options.dataDir,
      ...options.environment,
    },
  });
  closeSync(log);
  const exited = new Promise<number | undefined>((resolve) => {
    child.once('exit', (code) => resolve(code ?? undefined));
    child.once('error', () => resolve(undefined));
  });
  try {
    await untilReady(url, child);
  } catch (error) {
    child.kill('SIGKILL');
    await exited;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the server ${reason}\n${tailOf(options.logFile)}`, { cause: error });
  }
  return {
    url,
    pid: child.pid ?? 0,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), EXIT_TIMEOUT_MS);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The caller's environment without what would lead the server elsewhere than to this world. */
function inherited(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = { ...environment };
  for (const name of Object.keys(kept)) {
    if (/^(?:OTEL_|DATABASE_URL$|REDIS_URL$|HONEYCOMB_|ENCRYPTION_KEY$)/.test(name)) {
      delete kept[name];
    }
    if (/^(?:TWILIO|DEEPGRAM|ANTHROPIC|ELEVENLABS|GEMINI)_BASE_URL$/.test(name)) delete kept[name];
  }
  return kept;
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`ended before it was ready (${child.exitCode ?? child.signalCode ?? ''})`);
    }
    const ready = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(1_000) }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ready) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error(`was not ready within ${READY_TIMEOUT_MS} ms`);
}

function tailOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
