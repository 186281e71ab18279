import { describe, expect, test } from 'vitest';
import { CallRecorder } from '../../pipelines/call-recorder.ts';
import type { CallRecords, TurnRecord } from '../../pipelines/records.ts';
import { stranger } from '../../src/companion/person.ts';

const SENIOR = '0190b7c4-1111-7abc-8def-0123456789ab';
/** What the wall clock shows when the call begins; the monotonic one shows 5,000. */
const WALL_MS = 1_700_000_000_000;

function recorded(personId = SENIOR) {
  const told: { kind: string; value: unknown }[] = [];
  const turns: TurnRecord[] = [];
  const tell =
    (kind: string) =>
    (_call: unknown, value?: unknown): void => {
      told.push({ kind, value });
      if (kind === 'turn') turns.push(value as TurnRecord);
    };
  const records: CallRecords = {
    started: tell('started'),
    turn: tell('turn'),
    alert: tell('alert'),
    resumed: tell('resumed'),
    handedOver: tell('handed-over'),
    callBackDue: tell('call-back-due'),
    ended: tell('ended'),
  };
  const clock = { now: 5_000, wall: WALL_MS };
  const person = { ...stranger('+15555550142'), personId };
  const recorder = new CallRecorder({
    identity: { callSid: 'CA1', direction: 'inbound', person, greeting: [], epoch: 0 },
    records,
    wallClock: () => new Date(clock.wall),
    now: () => clock.now,
  });
  return { recorder, told, turns, clock };
}

const callerSaid = (
  turnId: string,
  text: string,
  revision = 0,
  as: 'turn' | 'backchannel' = 'turn',
) => ({ kind: 'record-caller', turnId, revision, text, as }) as const;

const companionSaid = (utterance: number, heard: string, whole = heard) =>
  ({
    kind: 'record-companion',
    utterance,
    turnId: 't1',
    heard,
    whole,
    interrupted: heard !== whole,
  }) as const;

describe('the records of a call', () => {
  test('a senior is known by their row, a stranger by nothing', () => {
    expect(recorded().recorder.call).toEqual({
      callSid: 'CA1',
      seniorId: SENIOR,
      direction: 'inbound',
      startedAtMs: WALL_MS,
    });
    expect(recorded('unknown').recorder.call.seniorId).toBeUndefined();
  });

  test('a turn happened when it was begun, and stays there however often it is told', () => {
    const { recorder, turns, clock } = recorded();
    clock.now = 6_000;
    recorder.take({ what: 'turn-opened', turnId: 't1' });
    clock.now = 8_000;
    recorder.callerSaid(callerSaid('t1', 'my roses'));
    clock.now = 9_500;
    recorder.callerSaid(callerSaid('t1', 'my roses are out', 1));
    expect(turns.map(({ happenedAtMs }) => happenedAtMs - WALL_MS)).toEqual([1_000, 1_000]);
    expect(turns.map(({ revision, heard }) => [revision, heard])).toEqual([
      [0, 'my roses'],
      [1, 'my roses are out'],
    ]);
    expect(turns[0]?.timings).toEqual({ speechMs: 2_000 });
  });

  test('a nod in the middle of a sentence comes behind that sentence', () => {
    const { recorder, turns, clock } = recorded();
    recorder.take({ what: 'first-audio', utterance: 3, turnId: 't1', line: undefined });
    clock.now += 1_000;
    recorder.take({ what: 'turn-opened', turnId: 't2' });
    clock.now += 300;
    recorder.callerSaid(callerSaid('t2', 'mm-hm', 0, 'backchannel'));
    clock.now += 2_000;
    recorder.companionSaid(companionSaid(3, 'A long sentence.'));
    const inOrder = turns.toSorted((a, b) => a.happenedAtMs - b.happenedAtMs);
    expect(inOrder.map(({ turnKey, kind }) => [turnKey, kind])).toEqual([
      ['u-3', 'turn'],
      ['t2', 'backchannel'],
    ]);
  });

  test('the wall clock is set back in mid-call: the order stays', () => {
    const { recorder, turns, clock } = recorded();
    recorder.callerSaid(callerSaid('t1', 'one'));
    clock.now += 1_000;
    clock.wall -= 3_600_000;
    recorder.callerSaid(callerSaid('t2', 'two'));
    const [first, second] = turns.map(({ happenedAtMs }) => happenedAtMs);
    expect((second ?? 0) - (first ?? 0)).toBe(1_000);
  });

  test('what was cut off is kept whole beside what was heard, with what took how long', () => {
    const { recorder, turns, clock } = recorded();
    recorder.callerSaid(callerSaid('t1', 'tell me'));
    const at = (ms: number, event: Parameters<typeof recorder.take>[0]): void => {
      clock.now = 5_000 + ms;
      recorder.take(event);
    };
    at(10, { what: 'reply-asked', turnId: 't1', utterance: 2, draft: false, vendor: 'claude' });
    at(310, { what: 'reply-first-token', utterance: 2, vendor: 'claude' });
    at(400, { what: 'voice-asked', utterance: 2, vendor: 'elevenlabs-socket' });
    at(480, { what: 'voice-first-byte', utterance: 2, vendor: 'elevenlabs-socket' });
    // A second voice, after the first failed: the caller has waited since the first was asked.
    at(490, { what: 'voice-asked', utterance: 2, vendor: 'elevenlabs-http' });
    at(500, { what: 'first-audio', utterance: 2, turnId: 't1', line: undefined });
    clock.now = 5_000 + 2_500;
    recorder.companionSaid(companionSaid(2, 'Well now,', 'Well now, there was a baker.'));
    expect(turns[1]).toMatchObject({
      speaker: 'companion',
      turnKey: 'u-2',
      answers: 't1',
      heard: 'Well now,',
      spoken: 'Well now, there was a baker.',
      interrupted: true,
      happenedAtMs: WALL_MS + 500,
      timings: { firstTokenMs: 300, voiceFirstByteMs: 80, firstAudioMs: 500, audibleMs: 2_000 },
    });
    recorder.companionSaid(companionSaid(4, 'Whole.'));
    expect(turns[2]?.spoken).toBeUndefined();
    expect(turns[2]?.timings).toEqual({});
  });

  test('the same alert of the same turn has the same key, another turn another', () => {
    const { recorder, told } = recorded();
    const signal = { category: 'fall', severity: 'high', evidence: 'i have fallen' } as const;
    recorder.alertRaised({ kind: 'raise-alert', turnId: 't1', signal });
    recorder.alertRaised({ kind: 'raise-alert', turnId: 't2', signal });
    recorder.alertRaised({ kind: 'raise-alert', turnId: undefined, signal });
    const keys = told.map(({ value }) => (value as { alertKey: string }).alertKey);
    expect(keys).toEqual(['CA1/t1/fall', 'CA1/t2/fall', 'CA1/call/fall']);
  });

  test('whatever quotes an accusation is held, and what quotes none is not', () => {
    const { recorder, told } = recorded();
    const raise = (category: string, evidence: string): void =>
      recorder.alertRaised({
        kind: 'raise-alert',
        turnId: 't1',
        signal: { category, severity: 'high', evidence },
      });
    raise('abuse', 'My son hits me and takes my money.');
    raise('fall', 'My son pushed me over and I fell.');
    raise('fall', 'I fell in the bathroom.');
    raise('help-request', 'pressed 1 for help');
    const held = told.map(({ value }) => (value as { held: boolean }).held);
    expect(held).toEqual([true, true, false, false]);
  });

  test('a call of many turns keeps what it needs and no more', () => {
    const { recorder, turns, clock } = recorded();
    for (let n = 0; n < 1_000; n += 1) {
      clock.now += 10;
      recorder.take({ what: 'turn-opened', turnId: `t${n}` });
      recorder.take({
        what: 'reply-asked',
        turnId: `t${n}`,
        utterance: n,
        draft: true,
        vendor: undefined,
      });
      recorder.callerSaid(callerSaid(`t${n}`, 'yes'));
    }
    expect(new Set(turns.map(({ happenedAtMs }) => happenedAtMs)).size).toBe(1_000);
    // Long forgotten: told again now, it has no beginning any more, and that is now.
    recorder.callerSaid(callerSaid('t0', 'yes', 1));
    expect(turns.at(-1)?.happenedAtMs).toBe(WALL_MS + 10_000);
  });
});
