import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, hangUp, lineFor } from '../helpers/line-under-test.ts';

const STORY =
  'Well now, there was once a baker in our town. He had a little grey donkey that carried the bread from door to door. One winter morning the donkey knew the way better than he did.';
const REPLIES = [
  { match: /tell me a story/i, reply: STORY },
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' },
  { match: /wait/i, reply: STORY },
];
const SOUND_WITHIN_MS = 2_000;

let story: Utterance;
let roses: Utterance;
let wait: Utterance;
beforeAll(async () => {
  story = await buildUtterance([{ say: 'Tell me a story, please.', finality: 'complete' }]);
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
  wait = await buildUtterance([{ say: 'Wait, wait, what was that?', finality: 'complete' }]);
});

/** Lets the fault hit the voice that the call itself opened, not the one for the greeting. */
const CALLS_OWN_VOICE = { surface: 'multi', times: 1 } as const;

describe.concurrent('the voice breaks', () => {
  it('case 53: the voice drops in mid-sentence, and not a word is skipped or said twice', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ elevenlabs }) => {
          // Slower than usual, so that the words are in the making when the connection is lost.
          elevenlabs.script.realTimeFactor = 2;
          elevenlabs.faults.add({
            fault: { kind: 'cut', afterMessages: 17 },
            ...CALLS_OWN_VOICE,
          });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(story);
    await leg.waitForWords(/than he did\./, { fromWord, timeoutMs: 25_000 });
    const heard = leg.playout.heardText(fromWord);
    expect(line.eventsOf('vendor-failed').map(({ failure }) => failure)).toEqual(['cut']);
    expect(heard).toBe(STORY);
    const spoken = await line.waitForEvent('companion-said', ({ text }) => text === STORY);
    expect(spoken.interrupted).toBe(false);
    await hangUp(line, leg);
  });

  it('case 54: a voice that takes text and gives nothing is left for the next within bounds', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ elevenlabs }) => {
          elevenlabs.faults.add({
            fault: { kind: 'stall', afterMessages: 0 },
            ...CALLS_OWN_VOICE,
          });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    const said = await leg.say(roses);
    const media = await leg.waitForMedia(said.lastSpeechFrameAtMs);
    await leg.waitForWords(/the roses\?/, { fromWord });
    expect(media - said.lastSpeechFrameAtMs).toBeLessThan(SOUND_WITHIN_MS + 500);
    expect(line.eventsOf('ladder-moved')).toMatchObject([
      { service: 'tts', from: 'elevenlabs-socket', to: 'elevenlabs-http' },
    ]);
    await hangUp(line, leg);
  });

  it('case 55: six quick interruptions never come near the limit of the voice', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ elevenlabs }) => {
          elevenlabs.script.finalDelayMs = 1_500;
        },
      },
    );
    const leg = await line.dial();
    await greeted(leg);
    let fromWord = leg.playout.heardWords().length;
    await leg.say(story);
    for (let interruption = 0; interruption < 6; interruption += 1) {
      await leg.waitForWords((_text, words) => words.length >= 2, { fromWord });
      await leg.say(wait);
      await line.waitForEvent(
        'caller-said',
        ({ turnId }) =>
          line.eventsOf('caller-said').findIndex((e) => e.turnId === turnId) > interruption,
      );
      fromWord = leg.playout.heardWords().length;
    }
    await leg.waitForWords((_text, words) => words.length >= 2, { fromWord });
    const open = line.elevenlabs.log.all('context-opened').map((entry) => entry.open);
    expect(open.length).toBeGreaterThanOrEqual(7);
    expect(Math.max(...open)).toBeLessThanOrEqual(4);
    expect(line.eventsOf('vendor-failed')).toEqual([]);
    expect(line.eventsOf('barge-in').length).toBeGreaterThanOrEqual(6);
    await hangUp(line, leg);
  });
});

describe.concurrent('the mind breaks', () => {
  it('case 56: the model stalls after its first token, and the caller hears something', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        replies: REPLIES,
        before: ({ anthropic }) => {
          anthropic.faults.add({ fault: { kind: 'stall', afterMessages: 1 } });
        },
      },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    const said = await leg.say(roses);
    const first = await leg.waitForMedia(said.lastSpeechFrameAtMs);
    expect(first - said.lastSpeechFrameAtMs).toBeLessThan(SOUND_WITHIN_MS + 500);
    const { atMs } = await leg.waitForWords(/train of thought|once more|lost my thread/, {
      fromWord,
    });
    expect(atMs - said.lastSpeechFrameAtMs).toBeLessThan(10_000);
    await hangUp(line, leg);
  });
});
