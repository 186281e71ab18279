import { describe, expect, it } from 'vitest';
import { auditCall, USUAL_TERMS } from '../faults/matrix/auditor.ts';
import { allCells, FAULTS, MOMENTS, VENDORS } from '../faults/matrix/cells.ts';
import type { CallEvidence, HeardWord, Phrase, Terms } from '../faults/matrix/evidence.ts';
import { phrasesHeard } from '../faults/matrix/heard.ts';

const GREETING = 'Good morning, Agnes. How are you?';
const ROSES = 'My roses are out.';
const REPLY = 'Oh, how lovely. What colour are they?';
const STORY = 'There was once a baker. He had a grey donkey.';
const TROUBLE = 'I lost my train of thought. Could you say that again?';
const FILLER = 'Let me see.';

const VOCABULARY: readonly Phrase[] = [
  { text: GREETING, means: 'greeting' },
  { text: REPLY, means: 'reply' },
  { text: STORY, means: 'reply' },
  { text: TROUBLE, means: 'apology' },
  { text: FILLER, means: 'filler' },
];

const WORD_MS = 300;

/** The words of a text from `fromMs` on, one after the other. */
function spoken(text: string, fromMs: number): HeardWord[] {
  return text.split(' ').map((word, index) => ({
    text: word,
    startMs: fromMs + index * WORD_MS,
    endMs: fromMs + (index + 1) * WORD_MS,
    damaged: false,
  }));
}

/** The silences between words, until `endMs`. */
function silencesOf(
  words: readonly HeardWord[],
  endMs: number,
): { fromMs: number; toMs: number }[] {
  const spans: { fromMs: number; toMs: number }[] = [];
  let atMs = 0;
  for (const { startMs, endMs: wordEndMs } of words) {
    if (startMs - atMs >= 100) spans.push({ fromMs: atMs, toMs: startMs });
    atMs = Math.max(atMs, wordEndMs);
  }
  return endMs > atMs ? [...spans, { fromMs: atMs, toMs: endMs }] : spans;
}

/** A call in which all went well: greeted, answered within a second, put down. */
function goodCall(change: Partial<CallEvidence> = {}): CallEvidence {
  const words = change.words ?? [...spoken(GREETING, 300), ...spoken(REPLY, 6_000)];
  const endMs = change.endMs ?? 12_000;
  return {
    faultMs: 3_000,
    arrivedMs: 2_600,
    words,
    silences: silencesOf(words, endMs),
    clearsMs: [],
    speaking: [{ fromMs: 3_500, toMs: 5_000 }],
    turns: [{ text: ROSES, firstFrameMs: 3_500, lastWordMs: 5_000, reply: REPLY, repetition: 0 }],
    underWay: undefined,
    modelViews: [{ atMs: 5_300, userText: ROSES }],
    end: 'caller-hung-up',
    endMs,
    trouble: undefined,
    ...change,
  };
}

const audit = (change: Partial<CallEvidence> = {}): string[] =>
  auditCall(goodCall(change), VOCABULARY);

describe('the auditor of the fault matrix', () => {
  it('finds nothing in a call in which all went well', () => {
    expect(audit()).toEqual([]);
  });

  it('finds nothing in an apology that is followed by the answer to the repetition', () => {
    const turn = { text: ROSES, firstFrameMs: 3_500, lastWordMs: 5_000, reply: REPLY };
    expect(
      audit({
        words: [...spoken(GREETING, 300), ...spoken(TROUBLE, 6_000), ...spoken(REPLY, 13_000)],
        turns: [
          { ...turn, repetition: 0 },
          { ...turn, firstFrameMs: 10_500, lastWordMs: 12_000, repetition: 1 },
        ],
        modelViews: [{ atMs: 12_200, userText: `${ROSES} ${ROSES}` }],
        endMs: 20_000,
      }),
    ).toEqual([]);
  });

  it('misses a sound within two seconds', () => {
    expect(audit({ words: [...spoken(GREETING, 300), ...spoken(REPLY, 7_300)] })).toEqual([
      `no sound for 2300 ms after “${ROSES}”`,
    ]);
    expect(audit({ words: [...spoken(GREETING, 2_500), ...spoken(REPLY, 6_000)] })).toContain(
      'no sound for 2500 ms after the answer',
    );
  });

  it('misses something meaningful within ten seconds, whatever fillers there are', () => {
    const fillers = [6_000, 8_500, 11_000, 13_500].flatMap((atMs) => spoken(FILLER, atMs));
    const words = [...spoken(GREETING, 300), ...fillers, ...spoken(REPLY, 16_000)];
    expect(audit({ words, endMs: 20_000 })).toEqual([
      `the first meaningful words after “${ROSES}” came after 11000 ms`,
    ]);
    expect(audit({ words: [...spoken(GREETING, 300), ...fillers], endMs: 15_000 })).toEqual([
      `nothing meaningful was heard after “${ROSES}”`,
    ]);
  });

  it('does not take the answer to something else for an outcome', () => {
    const words = [...spoken(GREETING, 300), ...spoken(STORY, 6_000)];
    expect(audit({ words, endMs: 12_000 })).toContain(
      `nothing meaningful was heard after “${ROSES}”`,
    );
  });

  it('sees a silence of more than four seconds while the caller waits', () => {
    const words = [...spoken(GREETING, 300), ...spoken(FILLER, 6_000), ...spoken(REPLY, 11_500)];
    expect(audit({ words, endMs: 16_000 })).toEqual([`4600 ms of silence after “${ROSES}”`]);
  });

  it('sees a silence inside a reply that the fault came upon', () => {
    const [first, second] = STORY.split('. ');
    const words = [
      ...spoken(GREETING, 300),
      ...spoken(`${first}.`, 3_000),
      ...spoken(second!, 9_500),
    ];
    expect(audit({ words, turns: [], underWay: STORY, endMs: 14_000 })).toEqual([
      '5000 ms of silence in a reply',
    ]);
  });

  it('sees words that were skipped, said twice, or damaged', () => {
    const skipped = REPLY.replace('lovely. What', 'What');
    expect(audit({ words: [...spoken(GREETING, 300), ...spoken(skipped, 6_000)] })).toHaveLength(2);
    const doubled = REPLY.replace('colour', 'colour colour');
    expect(audit({ words: [...spoken(GREETING, 300), ...spoken(doubled, 6_000)] })).toEqual([
      '1 word(s) out of place: “colour”',
    ]);
    const [word, ...rest] = spoken(REPLY, 6_000);
    const damaged = [{ ...word!, damaged: true }, ...rest];
    expect(audit({ words: [...spoken(GREETING, 300), ...damaged] })).toEqual([
      '1 damaged word(s) were heard',
    ]);
  });

  it('sees a reply that broke off, unless it was cleared, gone on with or owned up to', () => {
    const broken = spoken('Oh, how lovely.', 6_000);
    const words = [...spoken(GREETING, 300), ...broken];
    const finding = `“${REPLY}” broke off after 3 words`;
    expect(audit({ words })).toEqual([finding]);
    const speaking = [
      { fromMs: 3_500, toMs: 5_000 },
      { fromMs: 6_500, toMs: 8_000 },
    ];
    expect(audit({ words, speaking, clearsMs: [6_900] })).toEqual([]);
    expect(audit({ words: [...words, ...spoken(TROUBLE, 7_500)] })).toEqual([]);
    expect(audit({ words: [...words, ...spoken('What colour are they?', 8_000)] })).toEqual([]);
  });

  it('does not take a clear for the caller’s doing unless they spoke into what was cleared', () => {
    const words = [...spoken(GREETING, 300), ...spoken('Oh, how lovely.', 6_000)];
    const cutOff = (clearMs: number, fromMs: number, toMs: number): string[] =>
      audit({ words, clearsMs: [clearMs], speaking: [{ fromMs, toMs }] });
    const finding = [`“${REPLY}” broke off after 3 words`];
    // Only the question itself, before the reply; or what was said after the clear.
    expect(cutOff(6_900, 3_500, 5_000)).toEqual(finding);
    expect(cutOff(6_900, 7_000, 8_000)).toEqual(finding);
    // A word into it, and the clear too late to be for that.
    expect(cutOff(8_300, 6_000, 6_200)).toEqual(finding);
    expect(cutOff(6_900, 6_000, 6_200)).toEqual([]);
    expect(cutOff(8_300, 6_000, 7_500)).toEqual([]);
  });

  it('lets an apology stop short for the answer to the words it was about, and no other', () => {
    const broken = [...spoken(GREETING, 300), ...spoken('I lost my train', 5_500)];
    const after = (reply: string, fromMs: number): string[] =>
      audit({ words: [...broken, ...spoken(reply, fromMs)], endMs: 14_000 });
    const finding = `“${TROUBLE}” broke off after 4 words`;
    expect(after(REPLY, 7_100)).toEqual([]);
    expect(after(REPLY, 8_800)).toEqual([finding]);
    expect(after(STORY, 7_100)).toContain(finding);
    const filler = [...spoken(GREETING, 300), ...spoken(REPLY.slice(0, 15), 5_500)];
    expect(audit({ words: [...filler, ...spoken(FILLER, 7_100)] })).toContain(
      `“${REPLY}” broke off after 3 words`,
    );
  });

  it('judges a reply that the fault came upon until the caller stops it, and no further', () => {
    const [first, second] = STORY.split('. ');
    const broken = [...spoken(GREETING, 300), ...spoken(`${first}.`, 3_000)];
    const late = [...broken, ...spoken(second!, 9_500)];
    const own = { turns: [], underWay: STORY, endMs: 14_000 };
    const silence = '5000 ms of silence in a reply';
    const speaking = [{ fromMs: 9_800, toMs: 11_000 }];
    const ended = late.slice(0, -2);
    // The clear at the end takes nothing back of what was not heard before it.
    expect(audit({ ...own, words: ended, speaking, clearsMs: [10_800] })).toEqual([silence]);
    // Stopped at once: the silence is the caller's.
    const stopped = { ...own, words: broken, speaking: [{ fromMs: 4_000, toMs: 6_000 }] };
    expect(audit({ ...stopped, clearsMs: [4_500] })).toEqual([]);
    // Cut off by the line itself: whoever waits is owed words, and the rest of the reply.
    expect(audit({ ...own, words: broken, speaking: [], clearsMs: [4_500] })).toEqual([
      '9500 ms of silence in a reply',
      `“${STORY}” broke off after 5 words`,
    ]);
  });

  it('sees a long silence between a reply that broke off and the apology for it', () => {
    const [first] = STORY.split('. ');
    const words = [
      ...spoken(GREETING, 300),
      ...spoken(`${first}.`, 3_000),
      ...spoken(TROUBLE, 9_500),
    ];
    expect(audit({ words, turns: [], underWay: STORY, endMs: 14_000 })).toEqual([
      '5000 ms of silence in a reply',
    ]);
    expect(audit({ words: spoken(GREETING, 300), turns: [], underWay: STORY })).toContain(
      'nothing was heard of the reply that was under way',
    );
  });

  it('sees a whole reply that was said twice', () => {
    const words = [...spoken(GREETING, 300), ...spoken(REPLY, 6_000), ...spoken(REPLY, 8_500)];
    expect(audit({ words })).toEqual([`“${REPLY}” was said 2 times`]);
  });

  it('sees words of the caller that no model was shown, or that one was shown too often', () => {
    expect(audit({ modelViews: [{ atMs: 5_300, userText: 'My roses' }] })).toEqual([
      `“${ROSES}” was answered, and no model was shown all of it`,
    ]);
    expect(audit({ modelViews: [{ atMs: 5_300, userText: `${ROSES} ${ROSES}` }] })).toEqual([
      `“${ROSES}” reached a model 2 times, and was said 1 times`,
    ]);
  });

  it('holds a call to its own terms', () => {
    const late = [...spoken(GREETING, 300), ...spoken(REPLY, 7_800)];
    const own = (words: HeardWord[], change: Partial<Terms>): string[] =>
      auditCall(goodCall({ words, modelViews: [] }), VOCABULARY, { ...USUAL_TERMS, ...change });
    const unseen = `“${ROSES}” was answered, and no model was shown all of it`;
    expect(own(late, { soundMs: 3_000 })).toEqual([unseen]);
    expect(own(late, { soundMs: 3_000, lossyUntilMs: 3_600 })).toEqual([]);
    expect(own(late, { soundMs: 3_000, lossyUntilMs: 3_400 })).toEqual([unseen]);
    expect(own(late, { silenceMs: 2_000, lossyUntilMs: 3_600 })).toEqual([
      `no sound for 2800 ms after “${ROSES}”`,
      `2800 ms of silence after “${ROSES}”`,
    ]);
    const told = [...spoken(GREETING, 300), ...spoken(TROUBLE, 6_000)];
    expect(own(told, { mayNotice: false })).toEqual([
      `the caller was told of it: “${TROUBLE.slice(0, 60)}”`,
    ]);
  });

  it('sees a call that ended badly, and a caller who could not play their part', () => {
    expect(audit({ end: 'failed' })).toEqual(['the call ended badly: failed']);
    expect(audit({ end: undefined })).toEqual(['the call ended badly: not at all']);
    expect(audit({ trouble: 'the caller got no further' })).toEqual(['the caller got no further']);
  });

  it('sees a call in which nobody was greeted', () => {
    expect(audit({ words: spoken(REPLY, 6_000) })).toContain('no greeting was heard');
  });
});

describe('the phrases that were heard', () => {
  it('a phrase that was cut goes on where it stopped', () => {
    const heard = phrasesHeard(
      [
        ...spoken('There was once a', 0),
        ...spoken(FILLER, 1_500),
        ...spoken('baker. He had a grey donkey.', 3_000),
      ],
      VOCABULARY,
    );
    expect(heard.strays).toEqual([]);
    expect(heard.phrases.map(({ words, complete }) => ({ words, complete }))).toEqual([
      { words: 4, complete: false },
      { words: 3, complete: true },
      { words: 10, complete: true },
    ]);
  });

  it('a phrase that goes on two words later has lost one', () => {
    const heard = phrasesHeard(
      [...spoken('There was once a', 0), ...spoken('He had a grey donkey.', 3_000)],
      VOCABULARY,
    );
    expect(heard.strays.length).toBeGreaterThan(0);
  });
});

describe('the cells of the matrix', () => {
  it('are all combinations; those that are not run say why', () => {
    const cells = allCells();
    expect(cells).toHaveLength(VENDORS.length * FAULTS.length * MOMENTS.length);
    expect(new Set(cells.map((c) => `${c.vendor} ${c.fault} ${c.moment}`)).size).toBe(cells.length);
    for (const { skipped } of cells) if (skipped !== undefined) expect(skipped).toMatch(/\w{3}/);
  });
});
