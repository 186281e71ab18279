/** One command, with a time limit, in a process group of its own. */
import { spawn } from 'node:child_process';

export type ProgramRun = {
  /** The program, found on the PATH that npm set up, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly timeoutMs: number;
  /** Its output is shown as it comes; else only when it fails. */
  readonly live: boolean;
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>;
};

/** Output kept for showing it after a failure; the newest part. */
const MAX_OUTPUT_CHARS = 200_000;

/**
 * Resolves to the exit code, or to what else became of the program, in words. What outlives its
 * limit, or is under way when somebody interrupts, is ended together with its children.
 */
export async function runProgram(run: ProgramRun): Promise<number | string> {
  const [program, ...args] = run.command;
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, ...run.env },
  });
  let output = '';
  const take = (chunk: Buffer) => {
    if (run.live) process.stderr.write(chunk);
    else output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const end = (signal: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  };
  let outlived = false;
  const limit = setTimeout(() => {
    outlived = true;
    end('SIGKILL');
  }, run.timeoutMs);
  const interrupted = (signal: NodeJS.Signals) => {
    end(signal);
    process.exitCode = 130;
    setTimeout(() => process.exit(130), 1_000).unref();
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  const exit = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('close', (code, signal) => resolve(code ?? `ended by ${signal}`));
  });
  clearTimeout(limit);
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  if (exit !== 0) process.stderr.write(output);
  return outlived ? `took longer than ${run.timeoutMs / 1000} s` : exit;
}
