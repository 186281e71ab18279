import { beforeAll, describe, it } from 'vitest';
import type { Fault } from '../../emulators/faults.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, hangUp, lineFor, type Emulators } from '../helpers/line-under-test.ts';

/** The second promise of the design: something within 2 s, something meaningful within 10 s. */
const SOUND_WITHIN_MS = 2_000;
const MEANING_WITHIN_MS = 10_000;
/** What the emulated earpiece and a busy machine add to a figure. */
const SLACK_MS = 300;

const REPLIES = [{ match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' }];

let roses: Utterance;
let sentence: Utterance;

beforeAll(async () => {
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
  sentence = await buildUtterance([{ say: 'Are you there?', finality: 'complete' }]);
});

const DOWN: readonly { readonly name: string; readonly fault: Fault }[] = [
  { name: 'refuses connections', fault: { kind: 'refuse' } },
  { name: 'never answers', fault: { kind: 'hang' } },
  { name: 'answers 503', fault: { kind: 'status', status: 503 } },
];

function breakVoice({ elevenlabs }: Emulators, fault: Fault): void {
  elevenlabs.faults.add({ fault });
}

describe.concurrent('a whole vendor is down', () => {
  for (const { name, fault } of DOWN) {
    it(`ElevenLabs ${name}: another voice speaks`, async ({ expect, onTestFinished }) => {
      const line = await lineFor(
        { onTestFinished },
        { replies: REPLIES, before: (emulators) => breakVoice(emulators, fault) },
      );
      const leg = await line.dial();
      const audible = await leg.waitForAudible();
      expect(audible - leg.answeredAtMs!).toBeLessThan(SOUND_WITHIN_MS + SLACK_MS);
      await leg.waitForWords(/AI companion|having some trouble/);
      await leg.waitForSilence();
      const fromWord = leg.playout.heardWords().length;
      const said = await leg.say(roses);
      const media = await leg.waitForMedia(said.lastSpeechFrameAtMs);
      expect(media - said.lastSpeechFrameAtMs).toBeLessThan(SOUND_WITHIN_MS + SLACK_MS);
      await leg.waitForWords(/the roses\?/, { fromWord });
      await hangUp(line, leg);
    });

    it(`Claude ${name}: the caller is asked again within bounds`, async ({
      expect,
      onTestFinished,
    }) => {
      const line = await lineFor(
        { onTestFinished },
        {
          replies: REPLIES,
          before: ({ anthropic }) => void anthropic.faults.add({ fault }),
        },
      );
      const leg = await line.dial();
      const fromWord = await greeted(leg);
      const said = await leg.say(roses);
      const media = await leg.waitForMedia(said.lastSpeechFrameAtMs);
      expect(media - said.lastSpeechFrameAtMs).toBeLessThan(SOUND_WITHIN_MS + SLACK_MS);
      const { atMs } = await leg.waitForWords(/train of thought/, { fromWord });
      expect(atMs - said.lastSpeechFrameAtMs).toBeLessThan(MEANING_WITHIN_MS);
      await hangUp(line, leg);
    });

    it(`everything but the carrier ${name}: a voice, and the way to call for help`, async ({
      expect,
      onTestFinished,
    }) => {
      const line = await lineFor(
        { onTestFinished },
        {
          before: ({ elevenlabs, deepgram, anthropic }) => {
            for (const vendor of [elevenlabs, deepgram, anthropic]) vendor.faults.add({ fault });
          },
        },
      );
      const leg = await line.dial();
      const audible = await leg.waitForAudible();
      expect(audible - leg.answeredAtMs!).toBeLessThan(SOUND_WITHIN_MS + SLACK_MS);
      const said = leg.say(sentence);
      const { atMs } = await leg.waitForWords(/can't hear you properly/, { timeoutMs: 20_000 });
      expect(atMs - leg.answeredAtMs!).toBeLessThan(MEANING_WITHIN_MS);
      await said;
      await leg.waitForWords(/press one/);
      await leg.press('1');
      await line.waitForEvent('alert-raised', ({ category }) => category === 'help-request');
      await leg.waitForWords(/you need help/);
      await hangUp(line, leg);
    });
  }
});
