import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Summary } from '../../demo/summary.ts';
import type { Transcript } from '../../demo/transcript.ts';

const ROOT = join(import.meta.dirname, '..', '..');

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

async function demo(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['demo/main.ts', ...args], { cwd: ROOT });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString('utf8')));
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString('utf8')));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

describe('the demo for machines, with the answering machine', () => {
  let ended: Ended;
  let summary: Summary;

  beforeAll(async () => {
    ended = await demo(['--once', '--json', '--scenario', 'voicemail']);
    summary = JSON.parse(ended.stdout) as Summary;
  }, 120_000);

  afterAll(async () => {
    await rm(dirname(summary.files.report), { recursive: true, force: true });
  });

  test('prints one line of JSON and nothing else', () => {
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(ended.stderr).toBe('');
    expect(summary.scenario).toBe('voicemail');
  });

  test('exits with 0 if every promise was kept, and only then', () => {
    expect(ended.code).toBe(summary.pass ? 0 : 1);
    expect(summary.pass).toBe(summary.failures.length === 0);
  });

  test('the message was left, with nothing personal in it, and the server ended the call', () => {
    // Figures in milliseconds depend on what else this machine does; they are no part of this test.
    expect(summary.failures.filter((failure) => !/ ms \(limit/.test(failure))).toEqual([]);
    expect(summary.falseInterruptions).toBe(0);
  });

  test('leaves a recording, a transcript and a report', async () => {
    const wav = await readFile(summary.files.wav);
    expect(wav.toString('latin1', 0, 4)).toBe('RIFF');
    const transcript = JSON.parse(await readFile(summary.files.transcript, 'utf8')) as Transcript;
    const seconds = (wav.length - 44) / 4 / 8_000;
    expect(Math.abs(seconds - transcript.durationMs / 1_000)).toBeLessThan(0.5);
    const said = transcript.entries.flatMap((e) => (e.who === 'companion' ? [e.text] : []));
    expect(said.join(' ')).toMatch(/goodbye/i);
    const markdown = await readFile(join(dirname(summary.files.wav), 'transcript.md'), 'utf8');
    expect(markdown).toContain('the beep');
    const report = await readFile(summary.files.report, 'utf8');
    expect(report).toContain('data:audio/wav;base64,');
  });
});

test('a scenario that does not exist is refused with the usage', async () => {
  const { code, stdout, stderr } = await demo(['--scenario', 'nobody']);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain('margaret');
});
