import { describe, expect, it } from 'vitest';
import type { Cell } from '../faults/matrix/cells.ts';
import type { CallEvidence, HeardWord, Phrase } from '../faults/matrix/evidence.ts';
import { auditStreams, resumedMs, type StreamEvidence } from '../faults/matrix/media.ts';
import { Meeting } from '../faults/matrix/meeting.ts';
import { auditPlacement, type PlacementEvidence } from '../faults/matrix/placement.ts';
import { met, momentFindings, type StrikeEvidence } from '../faults/matrix/struck.ts';

const STORY = 'There was once a baker. He had a grey donkey.';
const VOCABULARY: readonly Phrase[] = [{ text: STORY, means: 'reply' }];

function story(fromMs: number, words = 10): HeardWord[] {
  return STORY.split(' ')
    .slice(0, words)
    .map((text, index) => {
      const startMs = fromMs + index * 300;
      return { text, startMs, endMs: startMs + 300, damaged: false };
    });
}

/** A story from 3,000 to 6,000 ms, and the fault in the midst of it. */
function evidence(change: Partial<CallEvidence>): CallEvidence {
  return {
    faultMs: 4_600,
    arrivedMs: 4_200,
    words: story(3_000),
    silences: [],
    clearsMs: [],
    speaking: [],
    turns: [],
    underWay: STORY,
    modelViews: [],
    end: 'caller-hung-up',
    endMs: 9_000,
    trouble: undefined,
    ...change,
  };
}

describe('whether a fault came at its moment', () => {
  const speaking = [{ fromMs: 4_200, toMs: 6_500 }];

  it('before the call: not into it', () => {
    const of = (faultMs: number) =>
      momentFindings('before', evidence({ faultMs, arrivedMs: undefined }), VOCABULARY);
    expect(of(-20)).toEqual([]);
    expect(of(30)).toEqual(['the fault came 30 ms into the call']);
  });

  it('not in a call that never came to its moment, or came after the fault', () => {
    const of = (arrivedMs: number | undefined) =>
      momentFindings('first-turn', evidence({ arrivedMs, speaking }), VOCABULARY);
    expect(of(4_200)).toEqual([]);
    expect(of(undefined)).toEqual(['the call never came to its moment']);
    expect(of(9_600)).toEqual(['the call came to its moment 5000 ms after the fault']);
  });

  it('first turn: while the caller speaks', () => {
    const of = (toMs: number) =>
      momentFindings('first-turn', evidence({ speaking: [{ fromMs: 4_200, toMs }] }), VOCABULARY);
    expect(of(6_500)).toEqual([]);
    expect(of(4_500)).toEqual(['the caller was not speaking when the fault came']);
  });

  it('mid-sentence: while the reply sounds, or after it broke off and before it was whole', () => {
    const of = (change: Partial<CallEvidence>) =>
      momentFindings('mid-sentence', evidence(change), VOCABULARY);
    const nothing = ['nothing was being said when the fault came'];
    expect(of({})).toEqual([]);
    expect(of({ words: story(3_000, 4) })).toEqual([]);
    expect(of({ words: story(1_500) })).toEqual(nothing);
    expect(of({ words: story(4_700) })).toEqual(nothing);
    expect(of({ words: [] })).toEqual(nothing);
  });

  it('barge-in: while the caller speaks into the reply', () => {
    const of = (change: Partial<CallEvidence>) =>
      momentFindings('barge-in', evidence(change), VOCABULARY);
    expect(of({ speaking })).toEqual([]);
    expect(of({})).toEqual(['the caller was not speaking when the fault came']);
    expect(of({ speaking, words: story(1_000) })).toEqual([
      'nothing was being said when the caller began to speak',
    ]);
  });
});

describe('whether a call met its fault', () => {
  const cell: Cell = { vendor: 'claude', fault: '401', moment: 'first-turn' };
  const strike = (change: Partial<StrikeEvidence>): StrikeEvidence => ({
    acts: [{ atMs: 5_000, about: 'You talk to Beatrice.' }],
    fromMs: 4_000,
    toMs: 9_000,
    signs: ['Beatrice', 'CA1'],
    callsOfServer: 4,
    openRequests: undefined,
    wireFelt: false,
    ...change,
  });
  const finding = { finding: 'the fault was never committed in claude × 401 × first-turn' };

  it('itself: in its time, and in no other call’s request', () => {
    expect(met(cell, strike({}))).toBe('itself');
    expect(met(cell, strike({ acts: [{ atMs: 5_000, about: 'CA1' }] }))).toBe('itself');
    expect(met(cell, strike({ acts: [] }))).toEqual(finding);
    expect(met(cell, strike({ acts: [{ atMs: 9_500 }] }))).toEqual(finding);
  });

  it('together with others, where nobody can tell whose connection it was', () => {
    const acts = [{ atMs: 5_000 }];
    expect(met(cell, strike({ acts }))).toBe('together');
    expect(met(cell, strike({ acts, callsOfServer: 1 }))).toBe('itself');
    expect(met(cell, strike({ acts, fromMs: 5_001, callsOfServer: 1 }))).toEqual(finding);
  });

  it('spared by the breaker that another call has opened, where there is another', () => {
    const acts = [{ atMs: 5_000, about: 'You talk to Agnes.' }];
    expect(met(cell, strike({ acts }))).toBe('spared');
    expect(met(cell, strike({ acts, callsOfServer: 1 }))).toEqual(finding);
    const carrier: Cell = { vendor: 'twilio-rest', fault: '401', moment: 'mid-sentence' };
    expect(met(carrier, strike({ acts }))).toHaveProperty('finding');
  });

  it('a model that had nothing to say any more was not struck in mid-sentence', () => {
    const finding = { finding: 'no request to claude was under way when the fault came' };
    expect(met(cell, strike({ openRequests: 1, wireFelt: true, acts: [] }))).toBe('itself');
    expect(met(cell, strike({ openRequests: 1, wireFelt: false }))).toEqual(finding);
    expect(met(cell, strike({ openRequests: 0, wireFelt: true }))).toEqual(finding);
  });
});

describe('where the calls of a group wait for each other', () => {
  it('one that leaves without having come to its moment holds up nobody, and is known', async () => {
    const meeting = new Meeting(2);
    const [first, second] = [meeting.member(), meeting.member()];
    const together = first.arrive();
    second.leave();
    second.leave();
    await together;
    await meeting.complete();
    expect(first.arrivedAtMs()).toBeTypeOf('number');
    expect(second.arrivedAtMs()).toBeUndefined();
  });
});

describe('what placing a call is held to', () => {
  const placement = (change: Partial<PlacementEvidence>): PlacementEvidence => ({
    outcome: { how: 'placed', callSid: 'CA1' },
    tookMs: 900,
    requests: 1,
    rang: ['CA1'],
    rangElsewhere: 0,
    ...change,
  });
  const refused = { how: 'refused', why: 'twilio: refused' } as const;

  it('one phone rings, and it is the one that was placed', () => {
    expect(auditPlacement('slow', placement({}))).toEqual([]);
    expect(auditPlacement('duplicate', placement({}))).toEqual([]);
    expect(auditPlacement('duplicate', placement({ rang: ['CA1', 'CA2'] }))).toEqual([
      '2 phones rang, and not 1',
    ]);
    expect(auditPlacement('slow', placement({ rang: ['CA2'] }))).toEqual([
      'another call was placed than rang',
    ]);
    expect(auditPlacement('slow', placement({ rangElsewhere: 1 }))).toEqual([
      '1 phones of others rang',
    ]);
    expect(auditPlacement('slow', placement({ outcome: refused }))).toEqual([
      'the call was not placed: twilio: refused',
    ]);
  });

  it('no phone rings where the carrier refuses, and nothing is said to be placed', () => {
    const good = { outcome: refused, rang: [] };
    expect(auditPlacement('401', placement(good))).toEqual([]);
    expect(auditPlacement('401', placement({ ...good, rang: ['CA1'] }))).toEqual([
      '1 phones rang, and not 0',
    ]);
    expect(auditPlacement('dns', placement({ rang: [] }))).toEqual([
      'the call was said to be placed',
    ]);
    const broke = { how: 'broke', why: 'TypeError' } as const;
    expect(auditPlacement('hang', placement({ rang: [], outcome: broke }))).toEqual([
      'the call broke: TypeError',
    ]);
  });

  it('where only the answer is broken the phone rings once, and the carrier is asked once', () => {
    const good = { outcome: refused };
    expect(auditPlacement('garbage', placement(good))).toEqual([]);
    expect(auditPlacement('garbage', placement({ ...good, rang: [] }))).toEqual([
      '0 phones rang, and not 1',
    ]);
    expect(auditPlacement('cut', placement({ ...good, requests: 2, tookMs: 12_000 }))).toEqual([
      'placing a call came to an end only after 12000 ms',
      'the carrier was asked 2 times to dial',
    ]);
  });
});

describe('what the server is held to when the carrier’s stream is at fault', () => {
  const streams = (change: Partial<StreamEvidence> = {}): StreamEvidence => ({
    faultMs: 9_000,
    startedMs: [100, 9_200],
    lostMs: [9_050],
    endMs: 30_000,
    ...change,
  });

  it('a broken stream is followed by a whole one, soon, and once', () => {
    expect(auditStreams('cut', streams())).toEqual([]);
    expect(resumedMs('cut', streams())).toBe(9_200);
    expect(auditStreams('cut', streams({ startedMs: [100, 10_300] }))).toEqual([
      'no stream for 1250 ms after one was lost',
    ]);
    expect(auditStreams('hang', streams({ startedMs: [100, 15_500], lostMs: [15_100] }))).toEqual([
      'the new stream came after 6500 ms',
    ]);
    expect(auditStreams('hang', streams({ startedMs: [100], lostMs: [] }))).toEqual([
      'the call did not go on in a new stream',
    ]);
    const twice = streams({ startedMs: [100, 9_200, 9_900], lostMs: [9_050, 9_800] });
    expect(auditStreams('cut', twice)).toEqual(['2 streams were lost to one fault']);
    expect(resumedMs('cut', twice)).toBe(9_900);
  });

  it('a stream that is broken from its beginning is no new one', () => {
    const before = { faultMs: -50, startedMs: [80, 210], lostMs: [130], endMs: 20_000 };
    expect(auditStreams('cut', before)).toEqual([]);
    expect(resumedMs('cut', before)).toBe(210);
    expect(auditStreams('cut', { ...before, startedMs: [80], endMs: 600 })).toEqual([
      'the call did not go on in a new stream',
    ]);
  });

  it('a stream that is only disturbed may stay, or be given up for another', () => {
    expect(auditStreams('duplicate', streams({ startedMs: [100], lostMs: [] }))).toEqual([]);
    expect(auditStreams('duplicate', streams())).toEqual([]);
    expect(auditStreams('duplicate', streams({ startedMs: [100] }))).toEqual([
      'no stream for 20950 ms after one was lost',
    ]);
  });
});
