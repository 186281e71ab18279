import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { readPeopleFile } from '../../src/people.ts';

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'hearthline-people-'));
  onTestFinished(async () => rm(made, { recursive: true, force: true }));
  return made;
}

async function reading(content: unknown) {
  const dataDir = await folder();
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(join(dataDir, 'people.json'), text);
  return readPeopleFile(dataDir);
}

async function problemsOf(attempt: Promise<unknown>): Promise<readonly string[]> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ConfigError) return error.problems;
  throw new Error('it was taken', { cause: error });
}

describe('people.json', () => {
  test('who has a name and a number is known, the rest is assumed', async () => {
    const [entry, ...others] = await reading([{ personId: 'agnes', phone: '+15555550142' }]);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      family: 'household',
      person: { personId: 'agnes', language: 'en', active: true, manner: { speechSpeed: 0.9 } },
    });
  });

  test('no file is an empty book', async () => {
    expect(await readPeopleFile(await folder())).toEqual([]);
  });

  test('a file that cannot be read is none', async () => {
    const dataDir = await folder();
    await mkdir(join(dataDir, 'people.json'));
    expect(await problemsOf(readPeopleFile(dataDir))).toEqual([
      'people.json cannot be read (EISDIR)',
    ]);
  });

  test.each([
    ['[{', 'people.json is not JSON'],
    [{ agnes: {} }, 'people.json Invalid input: expected array, received object'],
    [
      [{ personId: 'Agnes Moor', phone: '+15555550142' }],
      'people.json 0.personId must be 1 to 64 letters, digits, - or _',
    ],
    [
      [{ personId: 'agnes', phone: '0555 550142' }],
      'people.json 0.phone must be a number like +15555550142',
    ],
    [
      [{ personId: 'agnes', phone: '+15555550142', timezone: 'Europe/Berlin' }],
      expect.stringMatching(/^people\.json 0 has a field that is none of .*timeZone/),
    ],
    [
      [{ personId: 'agnes', phone: '+15555550142', manner: { pace: 1 } }],
      expect.stringMatching(/^people\.json 0\.manner has a field that is none of .*speechSpeed/),
    ],
    [
      [
        { personId: 'agnes', phone: '+15555550142' },
        { personId: 'agnes', phone: '+15555550143' },
      ],
      'people.json 1.personId is that of entry 0 already',
    ],
  ])('%j: what may stand there is said, and nothing that stands there', async (file, problem) => {
    const problems = await problemsOf(reading(file));
    expect(problems).toEqual([problem]);
    expect(problems.join()).not.toMatch(/agnes|moor|0555|berlin|pace/i);
  });
});
