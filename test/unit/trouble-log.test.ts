import { describe, expect, test } from 'vitest';
import { createLogger } from '../../src/log.ts';
import { TroubleLog, type StoreTrouble } from '../../src/trouble-log.ts';

type Line = Readonly<Record<string, unknown>>;

function told() {
  const lines: Line[] = [];
  const clock = { now: 0 };
  const log = createLogger('info', { write: (line) => void lines.push(JSON.parse(line) as Line) });
  const troubles = new TroubleLog(log, () => clock.now);
  return { lines, clock, tell: (trouble: StoreTrouble) => troubles.tell(trouble) };
}

describe('trouble of the store', () => {
  test('what is lost is an error, what waits a warning, what is over a piece of news', () => {
    const { lines, tell } = told();
    tell({ kind: 'write-refused', reason: 'disk' });
    tell({ kind: 'write-set-aside', code: '23503' });
    tell({ kind: 'database-away', code: 'ECONNREFUSED' });
    tell({ kind: 'database-back', drained: 12 });
    expect(lines.map(({ level }) => level)).toEqual([50, 50, 40, 30]);
    expect(lines.map(({ why }) => why)).toEqual([
      'disk',
      'sqlstate-23503',
      'ECONNREFUSED',
      undefined,
    ]);
    expect(lines[3]).toMatchObject({ writtenCount: 12 });
  });

  test('why the database is away is told of every reason, and of none twice in a row', () => {
    const { lines, clock, tell } = told();
    const codes = ['no-connection', 'CERT_HAS_EXPIRED', 'CERT_HAS_EXPIRED', 'no-connection'];
    for (const code of codes) tell({ kind: 'database-away', code });
    expect(lines.map(({ why }) => why)).toEqual(['no-connection', 'CERT_HAS_EXPIRED']);
    clock.now = 10_000;
    tell({ kind: 'database-away', code: 'no-connection' });
    expect(lines[2]).toMatchObject({ level: 40, troubleCount: 2 });
  });

  test('a thousand of a kind are a line now and one later, with their number', () => {
    const { lines, clock, tell } = told();
    for (let n = 0; n < 1_000; n += 1) tell({ kind: 'write-refused', reason: 'full' });
    tell({ kind: 'database-away', code: '57P01' });
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ troubleCount: 1 });
    clock.now = 10_000;
    tell({ kind: 'write-refused', reason: 'full' });
    expect(lines[2]).toMatchObject({ level: 50, troubleCount: 1_000 });
  });
});
