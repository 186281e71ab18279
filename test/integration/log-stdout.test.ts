import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const LOG = join(import.meta.dirname, '..', '..', 'src', 'log.ts');
const LINES = 5_000;

/** More lines than a pipe holds (64 KiB), flushed, then an immediate exit. */
const PROGRAM = `
  import { createLogger } from ${JSON.stringify(LOG)};
  const log = createLogger('info');
  for (let attempt = 0; attempt < ${LINES}; attempt += 1) log.info('line', { attempt });
  await log.flush(20_000);
  process.exit(0);
`;

function startWriter() {
  return spawn('node', ['--input-type=module', '--eval', PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('every line arrives before the process ends, although the pipe cannot hold them', async () => {
  const writer = startWriter();
  let text = '';
  writer.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const [code] = (await once(writer, 'close')) as [number];
  expect(code).toBe(0);
  const attempts = text
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { attempt: number }).attempt);
  expect(attempts).toEqual(Array.from({ length: LINES }, (_, index) => index));
});

test('a reader that went away does not take the process with it', async () => {
  const writer = startWriter();
  await once(writer.stdout, 'readable');
  writer.stdout.destroy();
  const [code] = (await once(writer, 'close')) as [number];
  expect(code).toBe(0);
});
