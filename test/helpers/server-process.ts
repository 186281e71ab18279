/** The real server as a process of its own, in a world of emulators. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import { AUTH_TOKEN, OUR_NUMBER, until, type Emulators } from './line-under-test.ts';

const ROOT = join(import.meta.dirname, '../..');

export type LaunchedServer = {
  readonly child: ChildProcess;
  /** What it has printed so far, the last 100,000 characters. */
  readonly output: () => string;
  readonly exited: Promise<number | null>;
};

export type RunningServer = LaunchedServer & { readonly url: string };

export type ServerStart = {
  readonly emulators: Emulators;
  /** Two processes cannot have the same one. */
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Kilobytes beyond which no file of the process can grow: a full disk. */
  readonly fileLimitKb?: number;
};

type TestScope = { onTestFinished(fn: () => Promise<void>): void };

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function launchServer(
  env: Readonly<Record<string, string>>,
  fileLimitKb?: number,
): LaunchedServer {
  const limit = `ulimit -f ${fileLimitKb ?? 0}; exec "$0" "$@"`;
  const [program, args] =
    fileLimitKb === undefined
      ? [process.execPath, ['src/main.ts']]
      : ['bash', ['-c', limit, process.execPath, 'src/main.ts']];
  const child = spawn(program, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let output = '';
  const keep = (part: Buffer): void => {
    output = (output + part.toString()).slice(-100_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output: () => output, exited };
}

/** Resolves when it listens. It is killed when the test is over. */
export async function startServer(scope: TestScope, start: ServerStart): Promise<RunningServer> {
  const { emulators, dataDir, env, fileLimitKb } = start;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const variables = {
    NODE_ENV: 'development',
    PORT: String(port),
    DATA_DIR: dataDir,
    TWILIO_ACCOUNT_SID: emulators.twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: emulators.twilio.url,
    DEEPGRAM_API_KEY: 'key',
    DEEPGRAM_BASE_URL: emulators.deepgram.url,
    ANTHROPIC_API_KEY: 'key',
    ANTHROPIC_BASE_URL: emulators.anthropic.url,
    ELEVENLABS_API_KEY: 'key',
    ELEVENLABS_VOICE_ID: 'voice',
    ELEVENLABS_BASE_URL: emulators.elevenlabs.url,
    ...env,
  };
  const server = launchServer(variables, fileLimitKb);
  scope.onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await server.exited;
  });
  await until(() => server.output().includes('"listening"'), 30_000, server.output);
  return { ...server, url };
}

/** By then a caller has heard that the line is there. */
const GREETED_AFTER_WORDS = 7;

/**
 * A caller whose number of ours leads to this very server, and who is being greeted. Of which words
 * came through whole on a busy machine nothing is asked.
 */
export async function callTo(
  emulators: Emulators,
  server: RunningServer,
  ours: string,
): Promise<CallerLeg> {
  emulators.twilio.setNumber({
    phoneNumber: ours,
    voiceUrl: `${server.url}/voice/answer`,
    statusCallbackUrl: `${server.url}/voice/status`,
  });
  const leg = await emulators.twilio.placeCall({ from: '+15555550142', to: ours });
  await leg.waitForWords((_, words) => words.length >= GREETED_AFTER_WORDS);
  return leg;
}
