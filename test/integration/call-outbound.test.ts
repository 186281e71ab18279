import { beforeAll, describe, it } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import {
  greeted,
  hangUp,
  lineFor,
  MARGARET,
  until,
  type LineUnderTest,
} from '../helpers/line-under-test.ts';

/**
 * From Twilio's `start` to the first sound of a greeting that was made while it rang: at once, not
 * after a synthesis. Many calls share this process; the demo measures what one call takes.
 */
const GREETING_WITHIN_MS = 60;

let machine: Utterance;

beforeAll(async () => {
  machine = await buildUtterance([{ say: 'Please leave a message after the tone.' }]);
});

/** Has the server dial Margaret; resolves while her phone rings. */
async function ring(line: LineUnderTest): Promise<CallerLeg> {
  const { promise: ringing, resolve } = Promise.withResolvers<CallerLeg>();
  line.twilio.onOutboundCall(resolve);
  const response = await fetch(`${line.url}/dev/call`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: MARGARET.phone }),
  });
  if (response.status !== 202) throw new Error(`/dev/call answered ${response.status}`);
  return await ringing;
}

/** When the greeting is at hand: the voice has made all that it was asked for, and rests. */
async function greetingMade({ elevenlabs: { log } }: LineUnderTest): Promise<void> {
  await log.waitFor((entry) => entry.what === 'context-final');
  const restingMs = (): number =>
    Number(process.hrtime.bigint()) / 1e6 - (log.entries.at(-1)?.atMs ?? 0);
  await until(() => restingMs() > 300, 5_000);
}

function startToFirstMediaMs(line: LineUnderTest, leg: CallerLeg): number {
  const of = (what: 'stream-started' | 'media'): number =>
    line.twilio.log.all(what).find(({ callSid }) => callSid === leg.callSid)?.atMs ?? Number.NaN;
  return of('media') - of('stream-started');
}

describe.concurrent('calls that the line makes', () => {
  it('a phone that rings for longer than a lost stream is waited for is greeted all the same', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, { settings: { resumeGraceMs: 300 } });
    const leg = await ring(line);
    await greetingMade(line);
    await leg.answer({ afterMs: 1_000 });
    await leg.waitForWords(/AI companion/);
    expect(line.eventsOf('call-started')).toHaveLength(1);
    expect(line.eventsOf('call-ended')).toEqual([]);
    await hangUp(line, leg);
  });

  it('voicemail gets a short message after the beep, nothing personal, and a hang-up', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, {});
    const leg = await ring(line);
    await leg.answeringMachine({ greeting: machine });
    const beepWord = leg.playout.heardWords().length;
    const { text } = await leg.waitForWords(/try again later\. Goodbye\./);
    const end = await leg.ended();
    expect(end.how).toBe('server-completed');
    const message = leg.playout.heardText(beepWord);
    expect(message).not.toMatch(/Margaret|Anna|hip/);
    expect(text).toContain('Goodbye.');
    const mark = leg.playout.marks().at(-1);
    expect(mark?.outcome).toBe('played');
    expect(mark?.returnedAtMs).toBeLessThan(end.atMs);
    const ended = await line.waitForEvent('call-ended');
    expect(ended.reason).toBe('voicemail');
    await line.untilNothingIsLeft();
  });

  it('a fax is hung up on', async ({ expect, onTestFinished }) => {
    const line = await lineFor({ onTestFinished }, {});
    const leg = await ring(line);
    await leg.answer({ answeredBy: 'fax', amdAfterMs: 300 });
    expect((await leg.ended()).how).toBe('server-completed');
    expect((await line.waitForEvent('call-ended')).reason).toBe('fax');
    await line.untilNothingIsLeft();
  });

  it('nobody answers, the line is busy, or it fails: nothing is left', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, {});
    for (const outcome of ['busy', 'noAnswer', 'fail'] as const) {
      const leg = await ring(line);
      await leg[outcome]({ afterMs: 50 });
      await leg.ended();
      await line.waitForEvent('call-ended', ({ callSid }) => callSid === leg.callSid);
      await line.untilNothingIsLeft();
    }
    expect(line.deepgram.log.all('connect')).toEqual([]);
  });

  it('a phone that rings when the server is told to stop is hung up', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor({ onTestFinished }, {});
    const leg = await ring(line);
    // Until the carrier's reply to our request has come, too.
    await until(() => line.app.calls.active === 1, 1_000);
    const startedAt = performance.now();
    await line.app.calls.drain('wind-up', Number(process.hrtime.bigint()) / 1e6 + 5_000);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await leg.ended()).how).toMatch(/server-/);
    await line.untilNothingIsLeft();
  });

  it('the answer webhook is quicker than the reply to our own request, and the call is one', async ({
    expect,
    onTestFinished,
  }) => {
    const line = await lineFor(
      { onTestFinished },
      {
        people: [],
        before: ({ twilio }) => {
          // The answer to our request takes a second or two on the wire.
          const fault = { kind: 'trickle', bytesPerSecond: 600 } as const;
          twilio.faults.add({ fault, surface: 'rest', times: 1 });
        },
      },
    );
    line.twilio.onOutboundCall(async (leg) => leg.answer());
    line.twilio.script.dialMs = 0;
    line.twilio.script.ringMs = 0;
    let replied = false;
    const placing = fetch(`${line.url}/dev/call`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to: '+15555550171', personName: 'Edith' }),
    }).finally(() => {
      replied = true;
    });
    await line.waitForEvent('stream-attached');
    expect(replied).toBe(false);
    expect((await placing).status).toBe(202);
    const leg = line.twilio.calls()[0]!;
    const { text } = await leg.waitForWords(/AI companion/);
    expect(text).toContain('Edith');
    expect(line.eventsOf('call-started')).toHaveLength(1);
    await hangUp(line, leg);
  });
});

// By itself: other calls being set up in this process would be measured with it.
describe('a call that the line makes', () => {
  it('a person who answers hears the greeting at once', async ({ expect, onTestFinished }) => {
    const line = await lineFor({ onTestFinished }, {});
    const leg = await ring(line);
    await greetingMade(line);
    await leg.answer({ afterMs: 50 });
    const { text } = await leg.waitForWords(/Margaret.*AI companion/);
    expect(text).toMatch(/^Good (morning|afternoon|evening), Margaret\./);
    expect(startToFirstMediaMs(line, leg)).toBeLessThanOrEqual(GREETING_WITHIN_MS);
    await line.waitForEvent('answered-by', ({ who }) => who === 'human');
    await greeted(leg);
    expect(line.eventsOf('first-audio').map((event) => event.line)).toEqual(['greeting']);
    await hangUp(line, leg);
  });
});
