/** Every fall of a ladder and every climb is told once, as operators see it. */
import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, hangUp, lineFor, type LineUnderTest } from '../helpers/line-under-test.ts';

const REPLIES = [{ match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' }];

let roses: Utterance;
beforeAll(async () => {
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
});

const movesOf = (line: LineUnderTest, service: string): string[] =>
  line
    .eventsOf('ladder-moved')
    .filter((event) => event.service === service)
    .map(({ from, to }) => `${from} → ${to}`);

describe.concurrent('the ladders', () => {
  it('a model that fails: fixed lines, and the model again when it answers', async ({
    expect,
    onTestFinished,
  }) => {
    const mends: (() => void)[] = [];
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ anthropic }) => {
          mends.push(anthropic.faults.add({ fault: { kind: 'status', status: 500 } }));
        },
      },
    );
    const leg = await line.dial();
    let fromWord = await greeted(leg);
    for (let turns = 0; turns < 2; turns += 1) {
      await leg.say(roses);
      await leg.waitForWords(/train of thought|little slow/, { fromWord });
      await leg.waitForSilence();
      fromWord = leg.playout.heardWords().length;
    }
    // Once for two replies that failed.
    expect(movesOf(line, 'llm')).toEqual(['claude → lines']);
    for (const mend of mends) mend();
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    expect(movesOf(line, 'llm')).toEqual(['claude → lines', 'lines → claude']);
    await hangUp(line, leg);
  });

  it('no recogniser: the keypad, however often they are tried, and the one that hears again', async ({
    expect,
    onTestFinished,
  }) => {
    const mends: (() => void)[] = [];
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ deepgram }) => {
          mends.push(deepgram.faults.add({ fault: { kind: 'refuse' } }));
        },
      },
    );
    const leg = await line.dial();
    await leg.waitForWords(/press one/, { timeoutMs: 30_000 });
    const tries = (): number => line.eventsOf('vendor-failed').length;
    const before = tries();
    await line.waitForEvent('vendor-failed', () => tries() > before);
    expect(movesOf(line, 'stt')).toEqual([
      'deepgram-flux → deepgram-nova',
      'deepgram-nova → keypad',
    ]);
    for (const mend of mends) mend();
    await line.waitForEvent('ladder-moved', ({ from }) => from === 'keypad');
    expect(movesOf(line, 'stt').slice(2)).toEqual([expect.stringMatching(/^keypad → deepgram-/)]);
    await hangUp(line, leg);
  });
});
