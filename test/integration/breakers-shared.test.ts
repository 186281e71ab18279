import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { toneSpeech } from '../../emulators/speech/tone.ts';
import { lineFor } from '../helpers/line-under-test.ts';

type Health = {
  readonly status: string;
  readonly vendors: readonly {
    readonly vendor: string;
    readonly state: string;
    readonly reason?: string;
    readonly retryInMs: number;
  }[];
};

const CALLERS = 10;
const APART_MS = 2_000;
const SAID = 'my roses are out';

describe('a bad minute of one vendor', () => {
  it('costs the first few of ten callers a timeout, shows in /health, and ends with one probe', async (t) => {
    const line = await lineFor(t, {
      // The last caller waits for their turn until nine others have had theirs.
      settings: { idleMs: [300_000, 300_000, 300_000] },
      replies: [{ match: /roses/i, reply: 'How lovely. What colour are they?' }],
    });
    line.elevenlabs.script.sound = 'tone';
    const health = async (): Promise<Health['vendors'][number] | undefined> => {
      const answer = (await (await fetch(`${line.url}/health`)).json()) as Health;
      return answer.vendors.find(({ vendor }) => vendor === 'claude');
    };
    const cure = line.anthropic.faults.add({ fault: { kind: 'hang' } });
    const legs = await Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => line.dial(`+1555555${2000 + caller}`)),
    );
    await Promise.all(legs.map(async (leg) => leg.waitForWords(/\?/)));
    await Promise.all(legs.map(async (leg) => leg.waitForSilence()));
    // A little apart: the model lets each wait, until the breaker has seen five of them in vain.
    const waits = await Promise.all(
      legs.map(async (leg, caller) => {
        await sleep(caller * APART_MS);
        const fromWord = leg.playout.heardWords().length;
        const said = await leg.say(toneSpeech(SAID));
        const { atMs } = await leg.waitForWords(/train of thought|once more/, { fromWord });
        return atMs - said.lastSpeechFrameAtMs;
      }),
    );
    const tookLong = waits.map((waitMs) => waitMs > 3_500);
    expect(tookLong.slice(0, 3)).toEqual([true, true, true]);
    // One of the others may have been the probe of a breaker that was half open.
    expect(tookLong.slice(-4).filter(Boolean).length).toBeLessThanOrEqual(1);
    expect(await health()).toMatchObject({ state: 'open', reason: 'no-first-byte' });

    cure();
    const asked = line.anthropic.log.all('request').length;
    await sleep(((await health())?.retryInMs ?? 0) + 100);
    const [first] = legs;
    const fromWord = first!.playout.heardWords().length;
    await first!.say(toneSpeech(SAID));
    await first!.waitForWords(/colour are they/, { fromWord });
    expect(line.anthropic.log.all('request').length - asked).toBeLessThanOrEqual(2);
    expect(await health()).toMatchObject({ state: 'closed' });
    await Promise.all(legs.map(async (leg) => leg.hangUp()));
    await line.untilNothingIsLeft();
  }, 120_000);
});
