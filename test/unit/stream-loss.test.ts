import { expect, test } from 'vitest';
import { StreamLoss } from '../../pipelines/stream-loss.ts';

test('a hang-up that nobody has told us of is a guess: its stream may have gone elsewhere', () => {
  const loss = new StreamLoss();
  loss.gone('stopped');
  expect(loss.meant('stream-lost')).toBe('caller-hung-up');
  expect(loss.isGuess('caller-hung-up')).toBe(true);
});

test('an end that the carrier has told us of, and a goodbye, are certain', () => {
  for (const reason of ['caller-hung-up', 'goodbye'] as const) {
    const loss = new StreamLoss();
    loss.gone('stopped');
    expect(loss.meant(reason)).toBe(reason);
    expect(loss.isGuess(reason)).toBe(false);
  }
});

test('whoever we cut off is lost, and whoever heard our goodbye is not', () => {
  const drained = new StreamLoss();
  expect(drained.isLost('drain')).toBe(false);
  drained.cutOff();
  expect(drained.isLost('drain')).toBe(true);
  expect(drained.isGuess('drain')).toBe(false);
});
