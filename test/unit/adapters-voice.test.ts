import { describe, expect, onTestFinished, test } from 'vitest';
import { createClips } from '../../adapters/tts/clips.ts';
import type { TtsEvent, TtsSession } from '../../adapters/tts/port.ts';
import { WordTimings } from '../../adapters/tts/word-timings.ts';
import { commonLines } from '../../src/companion/lines.ts';

function timings(text: string, msPerChar = 50): Parameters<WordTimings['add']>[1] {
  const chars = [...text];
  return {
    chars,
    startsMs: chars.map((_, i) => i * msPerChar),
    durationsMs: chars.map(() => msPerChar),
  };
}

describe('words from character timings', () => {
  test('a word split between chunks is one word, at its place in the utterance', () => {
    const words = new WordTimings();
    expect(words.add(2_400, timings('How fe'))).toEqual([{ text: 'How', startMs: 0, endMs: 150 }]);
    expect(words.add(1_600, undefined)).toEqual([]);
    expect(words.add(2_000, timings('el '))).toEqual([{ text: 'feel', startMs: 200, endMs: 600 }]);
    expect(words.rest()).toEqual([]);
  });

  test('the last word is known once its end is said to have come', () => {
    const words = new WordTimings();
    expect(words.add(800, timings('Bye.'))).toEqual([]);
    expect(words.rest()).toEqual([{ text: 'Bye.', startMs: 0, endMs: 200 }]);
    expect(words.rest()).toEqual([]);
  });
});

async function openClips(
  language: string,
): Promise<{ session: TtsSession; events: TtsEvent[]; settled: () => Promise<void> }> {
  const events: TtsEvent[] = [];
  const vendor = await createClips();
  const session = await vendor.open({
    voiceId: 'v',
    language,
    speed: 1,
    openTimeoutMs: 1,
    firstByteTimeoutMs: 1,
    stallTimeoutMs: 1,
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => session.close());
  return { session, events, settled: async () => new Promise((resolve) => setImmediate(resolve)) };
}

function wordsOf(events: readonly TtsEvent[], utterance: number): string {
  return events
    .flatMap((e) => (e.kind === 'audio' && e.utterance === utterance ? (e.words ?? []) : []))
    .map((word) => word.text)
    .join(' ');
}

describe('recorded clips', () => {
  test.for([
    ['en-US', 'en'],
    ['es-US', 'es'],
  ] as const)(
    'say every fixed line in %s; run adapters/tts/clips/make.ts if not',
    async ([tag, language]) => {
      const { session, events, settled } = await openClips(tag);
      for (const [id, line] of commonLines(language).entries()) {
        session.say(id, line);
        session.finish(id);
        await settled();
        expect(wordsOf(events, id)).toBe(line);
        expect(events.at(-1)).toEqual({ kind: 'done', utterance: id });
      }
    },
  );

  test('apologise once for what was never recorded, then admit that there is nothing', async () => {
    const { session, events, settled } = await openClips('en-US');
    session.say(1, 'Your grandson called yesterday. ');
    session.say(1, 'He sends his love. ');
    session.finish(1);
    await settled();
    expect(wordsOf(events, 1)).toBe("I'm sorry, I'm having some trouble. Please hold on.");
    expect(events.at(-1)).toEqual({ kind: 'done', utterance: 1 });
    session.say(2, 'And he won a prize. ');
    await settled();
    expect(events.at(-1)).toMatchObject({ kind: 'utterance-failed', error: { failure: 'empty' } });
  });

  test('a cancelled clip stops at once, even from within its own event', async () => {
    const events: TtsEvent[] = [];
    const vendor = await createClips();
    const session = await vendor.open({
      voiceId: 'v',
      language: 'en',
      speed: 1,
      openTimeoutMs: 1,
      firstByteTimeoutMs: 1,
      stallTimeoutMs: 1,
      onEvent: (event) => {
        events.push(event);
        session.cancel(1);
      },
    });
    session.say(1, commonLines('en')[0]!);
    session.finish(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(events).toHaveLength(1);
    session.close();
  });
});
