import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, hangUp, lineFor } from '../helpers/line-under-test.ts';

const REPLIES = [
  { match: /apples/i, reply: 'Oh, how nice. What will you make of the apples?' },
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' },
];

/** What the caller waits at most for any sound. */
const SOUND_WITHIN_MS = 2_000;

let market: Utterance;
let roses: Utterance;
beforeAll(async () => {
  market = await buildUtterance([
    { say: 'I went to the market with my sister this morning and we bought apples.' },
  ]);
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
});

describe.concurrent('the ears break', () => {
  it('case 49: an STT that stays open but falls silent in mid-turn is replaced and told again', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ deepgram }) => {
          deepgram.script.idleUpdates = false;
          deepgram.faults.add({
            fault: { kind: 'stall', afterMessages: 3 },
            surface: 'v2',
            times: 1,
          });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    const said = await leg.say(market);
    const heard = await leg.waitForWords(/apples\?/, { fromWord });
    expect(line.eventsOf('caller-said').map(({ text }) => text)).toEqual([market.text]);
    expect(line.eventsOf('vendor-failed').map(({ failure }) => failure)).toEqual(['stalled']);
    expect(heard.atMs - said.lastSpeechFrameAtMs).toBeLessThan(10_000);
    expect(line.deepgram.log.all('connect')).toHaveLength(2);
    await hangUp(line, leg);
  });

  it('case 50: the carrier stops sending inside a turn, silence is fed, and the turn is answered', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { replies: REPLIES });
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(roses);
    leg.network.goQuiet(4_000);
    await leg.waitForWords(/the roses\?/, { fromWord });
    expect(line.eventsOf('caller-said').map(({ text }) => text)).toEqual([roses.text]);
    await hangUp(line, leg);
  });

  it('case 51: the STT drops in mid-word, and the transcript is whole', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ deepgram }) => {
          deepgram.script.idleUpdates = false;
          deepgram.faults.add({
            fault: { kind: 'cut', afterMessages: 5 },
            surface: 'v2',
            times: 1,
          });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    const said = await leg.say(market);
    const media = await leg.waitForMedia(said.lastSpeechFrameAtMs);
    await leg.waitForWords(/apples\?/, { fromWord });
    expect(line.eventsOf('vendor-failed').map(({ failure }) => failure)).toEqual(['cut']);
    expect(line.eventsOf('caller-said').map(({ text }) => text)).toEqual([market.text]);
    expect(media - said.lastSpeechFrameAtMs).toBeLessThan(SOUND_WITHIN_MS);
    await hangUp(line, leg);
  });

  it('case 52: Flux answers 4xx, it is not asked again, and nova-3 listens', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ deepgram }) => {
          deepgram.faults.add({ fault: { kind: 'status', status: 400 }, surface: 'v2' });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    const connects = line.deepgram.log.all('connect').map(({ surface }) => surface);
    expect(connects).toEqual(['v2', 'v1']);
    expect(line.eventsOf('ladder-moved')).toMatchObject([
      { service: 'stt', from: 'deepgram-flux', to: 'deepgram-nova' },
    ]);
    await hangUp(line, leg);
  });

  it('case 52: no recogniser is left, the caller is told of the keypad, and 1 raises an alert', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ deepgram }) => {
          deepgram.faults.add({ fault: { kind: 'status', status: 401 } });
        },
      },
    );
    const leg = await line.dial();
    // The emergency number comes first: whoever needs help at once need not hear the rest.
    await leg.waitForWords(/call 911/);
    await leg.waitForWords(/press one/);
    await leg.press('1');
    const alert = await line.waitForEvent('alert-raised');
    expect(alert).toMatchObject({ category: 'help-request', severity: 'high' });
    await leg.waitForWords(/written down for your family that you need help/);
    // A refused key is not tried again and again: the breakers hold the line back.
    expect(line.deepgram.log.all('connect').length).toBeLessThanOrEqual(4);
    await hangUp(line, leg);
  });
});
