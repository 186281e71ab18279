import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, lineFor, MARGARET, postSigned } from '../helpers/line-under-test.ts';

const REPLIES = [{ match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' }];

let roses: Utterance;

beforeAll(async () => {
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
});

describe.concurrent('a call has an end', () => {
  it('case 48: the model is told to wind down, and at the limit the line says goodbye', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      { replies: REPLIES, settings: { windDownAfterMs: 3_000, endAfterMs: 12_000 } },
    );
    const leg = await line.dial();
    const fromWord = await greeted(leg);
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    await leg.waitForWords(/I have to go now\. Take good care\. Goodbye\./, { fromWord });
    const end = await leg.ended();
    expect(end.how).toBe('server-completed');
    expect((await line.waitForEvent('call-ended')).reason).toBe('time-limit');
    const asked = line.anthropic.log.all('request').map(({ messages }) => JSON.stringify(messages));
    expect(asked.some((messages) => messages.includes('bring it gently to a close'))).toBe(true);
    await line.untilNothingIsLeft();
  });

  it('a caller who never says a word is asked twice, and then let go', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { settings: { idleMs: [1_000, 1_000, 1_000] } });
    const leg = await line.dial();
    await leg.waitForWords(/let you go for now\. Take care, goodbye\./, { timeoutMs: 30_000 });
    const end = await leg.ended();
    expect(end.how).toBe('server-completed');
    expect(leg.playout.heardText()).toMatch(/still there\?.*can't hear you just now/);
    expect((await line.waitForEvent('call-ended')).reason).toBe('idle');
    await line.untilNothingIsLeft();
  });

  it('somebody inactive is answered without anything personal, and is not dialled', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { people: [{ ...MARGARET, active: false }] });
    expect(await line.app.calls.place({ ...MARGARET, active: false })).toEqual({
      refused: 'inactive',
    });
    const leg = await line.dial();
    const { text } = await leg.waitForWords(/AI companion/);
    expect(text).not.toContain('Margaret');
    await greeted(leg);
    await leg.say(roses);
    await line.waitForEvent('reply-done');
    const system = line.anthropic.log.all('request').map((request) => JSON.stringify(request));
    expect(system.some((request) => /Margaret|Anna|bad hip/.test(request))).toBe(false);
    await leg.hangUp();
    await line.waitForEvent('call-ended');
    await line.untilNothingIsLeft();
  });

  it('the server is told to stop: the caller hears a goodbye and no new call is taken', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, {});
    const leg = await line.dial();
    await leg.waitForWords(/AI companion/);
    const drained = line.app.calls.drain('wind-up', Number(process.hrtime.bigint()) / 1e6 + 25_000);
    const ready = await fetch(`${line.url}/health/ready`);
    const live = await fetch(`${line.url}/health/live`);
    expect([ready.status, live.status]).toEqual([503, 200]);
    const refused = await postSigned(`${line.url}/voice/answer`, {
      CallSid: `CA${'1'.repeat(32)}`,
      From: '+15555550188',
      To: '+15005550006',
      Direction: 'inbound',
    });
    expect(refused.body).toContain('<Say');
    await leg.waitForWords(/I have to stop here.*Goodbye\./);
    await drained;
    expect(line.app.calls.active).toBe(0);
    expect((await leg.ended()).how).toBe('server-completed');
    expect((await line.waitForEvent('call-ended')).reason).toBe('drain');
    await line.untilNothingIsLeft();
  });
});
