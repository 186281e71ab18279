import { expect, test } from 'vitest';
import { readRepositoryFile, repositoryFiles } from '../helpers/repository.ts';

/** The situations of a call, its sockets and its webhooks are numbered 1 to 61. */
const CASES = 61;

test(`every one of the ${CASES} situations has a test that bears its number`, () => {
  const names = repositoryFiles('test/**/*.test.ts')
    .map(readRepositoryFile)
    .flatMap((source) =>
      [...source.matchAll(/['"`]case (\d+): /g)].map((match) => Number(match[1])),
    );
  const known = new Set(names);
  const missing = Array.from({ length: CASES }, (_, index) => index + 1).filter(
    (number) => !known.has(number),
  );
  expect(missing).toEqual([]);
});
