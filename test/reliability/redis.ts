/** A real redis-server on a TCP port, which can be killed, frozen and started again, empty. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedis, waitUntilAnswering } from '../helpers/redis-server.ts';
import { endWithUs } from './children.ts';
import { freePort } from './ports.ts';

export type RedisServer = {
  readonly url: string;
  /** Everything in it is lost. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Takes connections and commands, and answers none. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
};

export async function startRedisServer(): Promise<RedisServer> {
  const binary = await findRedis();
  const dir = await mkdtemp(join(tmpdir(), 'hearthline-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const env = { ...process.env };
  if (binary.libraryPath !== undefined) env['LD_LIBRARY_PATH'] = binary.libraryPath;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
    const started = spawn(binary.path, [...settings, '--appendonly', 'no'], {
      env,
      stdio: 'ignore',
    });
    started.on('error', () => undefined);
    endWithUs(started);
    child = started;
    await waitUntilAnswering(url, () =>
      started.exitCode === null && started.pid !== undefined ? undefined : 'redis-server ended',
    );
  };
  const kill = async (): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => running.once('close', () => resolve()));
    running.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url,
    kill,
    start,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
