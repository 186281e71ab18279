import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { startLine, type LineUnderTest } from '../helpers/line-under-test.ts';

const REPLIES = [
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses this year?' },
  { match: /red ones/i, reply: 'Red is a fine colour, Margaret. Do they smell nice?' },
];

describe('a call from beginning to end', () => {
  let line: LineUnderTest;
  let roses: Utterance;
  let red: Utterance;

  beforeAll(async () => {
    [line, roses, red] = await Promise.all([
      startLine({ replies: REPLIES }),
      buildUtterance([{ say: 'I was looking at my roses.', finality: 'complete' }]),
      buildUtterance([{ say: 'The red ones are out.', finality: 'abrupt' }]),
    ]);
  });
  afterAll(async () => line.close());

  it('an inbound caller is greeted, answered, and missed when gone', async () => {
    const leg = await line.dial();
    await leg.waitForWords(/AI companion/);
    await leg.waitForSilence();
    const fromWord = leg.playout.heardWords().length;
    await leg.say(roses);
    await leg.waitForWords(/this year\?/, { fromWord });
    await leg.waitForSilence();
    const second = leg.playout.heardWords().length;
    await leg.say(red);
    const { text } = await leg.waitForWords(/smell nice\?/, { fromWord: second });
    expect(text).toBe(REPLIES[1]?.reply);
    await leg.hangUp();
    const ended = await line.waitForEvent('call-ended');
    expect(ended.reason).toBe('caller-hung-up');
    expect(leg.playout.heardWords().every((word) => !word.damaged)).toBe(true);
    await line.untilNothingIsLeft();
  });
});
