import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, hangUp, lineFor } from '../helpers/line-under-test.ts';

const STORY =
  'Well now, there was once a baker in our town. He had a little grey donkey that carried the bread from door to door.';
const REPLIES = [
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' },
  { match: /tell me a story/i, reply: STORY },
];

let roses: Utterance;
let story: Utterance;

beforeAll(async () => {
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
  story = await buildUtterance([{ say: 'Tell me a story, please.', finality: 'complete' }]);
});

describe.concurrent('the media socket is lost', () => {
  it('the carrier falls through: an apology, the last question again, and the call goes on', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    line.twilio.script.abruptLoss = { outcome: 'falls-through', delayMs: 200 };
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    await leg.waitForSilence();
    const beforeLoss = leg.playout.heardWords().length;
    leg.network.cut();
    await leg.waitForStream({ count: 2 });
    await leg.waitForWords(/lost you for a moment\. What colour are the roses\?/, {
      fromWord: beforeLoss,
    });
    await leg.waitForSilence();
    expect(leg.playout.heardText(beforeLoss)).not.toMatch(/AI companion/);
    const afterLoss = leg.playout.heardWords().length;
    await leg.say(story);
    await leg.waitForWords(/a baker/, { fromWord: afterLoss });
    expect(line.eventsOf('stream-attached').map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(line.eventsOf('call-started')).toHaveLength(1);
    await hangUp(line, leg);
  });

  it('the carrier hangs up: the call ends, once, and nothing is left', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    line.twilio.script.abruptLoss = { outcome: 'hangs-up' };
    const leg = await line.dial();
    await leg.waitForWords(/AI companion/);
    leg.network.cut();
    await leg.ended();
    await line.waitForEvent('call-ended');
    await line.untilNothingIsLeft();
    expect(line.eventsOf('call-ended')).toHaveLength(1);
  });

  it('the carrier is silent: the line calls it back to a new stream', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    line.twilio.script.abruptLoss = { outcome: 'silent', forMs: 60_000 };
    const leg = await line.dial();
    await leg.waitForWords(/AI companion/);
    const beforeLoss = leg.playout.heardWords().length;
    leg.network.cut();
    await leg.waitForStream({ count: 2, timeoutMs: 8_000 });
    await leg.waitForWords(/lost you for a moment/, { fromWord: beforeLoss });
    expect(line.twilio.log.all('verb-started').map(({ verb }) => verb)).not.toContain('Redirect');
    expect(line.eventsOf('call-started')).toHaveLength(1);
    await hangUp(line, leg);
  });

  it('a stream that is lost again and again ends with a spoken apology', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    const leg = await line.dial();
    for (let count = 1; count <= 6; count += 1) {
      await leg.waitForStream({ count });
      await leg.waitForAudible();
      leg.network.cut();
    }
    await leg.waitForWords(/connection is bad today/);
    expect((await leg.ended()).how).toBe('hangup-verb');
    await line.waitForEvent('call-ended');
    await line.untilNothingIsLeft();
  });
});

describe.concurrent('the caller hangs up', () => {
  it('before the media stream is up', async ({ expect, onTestFinished }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    line.twilio.script.streamConnectMs = 500;
    const leg = await line.twilio.placeCall({ from: '+15555550142', to: '+15005550006' });
    await line.waitForEvent('stt-opened');
    await hangUp(line, leg);
    expect(line.eventsOf('stream-attached')).toEqual([]);
  });

  it('in the middle of the greeting', async ({ expect, onTestFinished }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    const leg = await line.dial();
    await leg.waitForWords(/your AI/);
    await hangUp(line, leg);
    const said = line.eventsOf('companion-said');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ interrupted: true });
    expect(leg.playout.heardText().startsWith(said[0]!.text.slice(0, -8))).toBe(true);
  });

  it('in the middle of their own sentence, which is written down', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    const leg = await line.dial();
    await greeted(leg);
    const saying = leg.say(story);
    await line.waitForEvent('heard', ({ text }) => text.includes('story'));
    await hangUp(line, leg);
    await saying;
    expect(line.eventsOf('caller-said').map(({ text }) => text.split(' ').slice(0, 3))).toEqual([
      ['Tell', 'me', 'a'],
    ]);
  });

  it('while the model thinks', async ({ expect, onTestFinished }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ anthropic }) => {
          anthropic.script.firstTokenMs = 3_000;
        },
      },
    );
    const leg = await line.dial();
    await greeted(leg);
    await leg.say(story);
    await line.waitForEvent('caller-said');
    await hangUp(line, leg);
    expect(line.anthropic.log.all('token')).toEqual([]);
  });

  it('in the middle of a reply', async ({ expect, onTestFinished }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(story);
    await leg.waitForWords(/once a baker/, { fromWord });
    const heard = leg.playout.heardText(fromWord).split(' ').length;
    await hangUp(line, leg);
    const said = line.eventsOf('companion-said').at(-1)!;
    expect(said.interrupted).toBe(true);
    // Within a word or two of what the earpiece had played when the phone went down.
    expect(Math.abs(said.text.split(' ').length - heard)).toBeLessThanOrEqual(2);
  });
});
