import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findEngine } from '../../emulators/speech/engine.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import {
  decodeMulaw,
  decodeMulawSample,
  encodeMulaw,
  encodeMulawSample,
} from '../../emulators/speech/mulaw.ts';
import { readWav, resampleTo8k, shapeSpeech } from '../../emulators/speech/shape.ts';
import { CALLER_EN, COMPANION_EN, synthesise } from '../../emulators/speech/synth.ts';
import { buildUtterance } from '../../emulators/speech/utterance.ts';
import { placeWords, splitWords } from '../../emulators/speech/word-spans.ts';

describe('μ-law', () => {
  test('known values of G.711', () => {
    expect([0, -1, 32_767, -32_768].map(encodeMulawSample)).toEqual([0xff, 0x7f, 0x80, 0x00]);
    expect([0xff, 0x7f, 0x80, 0x00].map(decodeMulawSample)).toEqual([0, 0, 32_124, -32_124]);
  });

  test('every byte but negative zero survives decoding and encoding', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte).filter((b) => b !== 0x7f);
    expect(encodeMulaw(decodeMulaw(bytes))).toEqual(bytes);
  });

  test('the error stays within half a quantisation step everywhere', () => {
    for (let sample = -32_124; sample <= 32_124; sample += 1) {
      const error = Math.abs(decodeMulawSample(encodeMulawSample(sample)) - sample);
      expect(error).toBeLessThanOrEqual(Math.max(4, (Math.abs(sample) + 132) / 32));
    }
  });
});

/** A 16-bit mono WAV of a sine. */
function sineWav(hz: number, sampleRate: number, seconds: number): Buffer {
  const samples = Math.round(sampleRate * seconds);
  const wav = Buffer.alloc(44 + 2 * samples);
  wav.write('RIFF\0\0\0\0WAVEfmt ', 0, 'latin1');
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20);
  wav.writeUInt16LE(1, 22);
  wav.writeUInt32LE(sampleRate, 24);
  wav.writeUInt16LE(2, 32);
  wav.writeUInt16LE(16, 34);
  wav.write('data', 36, 'latin1');
  wav.writeUInt32LE(0xffffffff, 40);
  for (let i = 0; i < samples; i += 1) {
    wav.writeInt16LE(
      Math.round(10_000 * Math.sin((2 * Math.PI * hz * i) / sampleRate)),
      44 + 2 * i,
    );
  }
  return wav;
}

function levelOf(samples: Float64Array): number {
  const middle = samples.subarray(200, -200);
  return Math.sqrt(middle.reduce((sum, sample) => sum + sample * sample, 0) / middle.length);
}

function resampled(hz: number): Float64Array {
  const { samples, sampleRate } = readWav(sineWav(hz, 22_050, 1));
  return resampleTo8k(samples, sampleRate);
}

describe('resampling', () => {
  test('keeps length, and level inside the telephone band', () => {
    expect(resampled(1_000).length).toBe(8_000);
    expect(levelOf(resampled(1_000))).toBeCloseTo(10_000 / Math.SQRT2, -2);
    expect(levelOf(resampled(300))).toBeCloseTo(10_000 / Math.SQRT2, -2);
  });

  test('what lies above 4.5 kHz does not fold back', () => {
    for (const hz of [4_600, 5_000, 7_000, 9_000]) {
      expect(levelOf(resampled(hz))).toBeLessThan(10_000 / Math.SQRT2 / 100);
    }
  });

  test('sound is trimmed to whole frames of one loudness', () => {
    const { mulaw, words } = shapeSpeech(sineWav(500, 22_050, 0.5), 'Hm');
    expect(mulaw.length % 160).toBe(0);
    expect(mulaw.length / 8).toBeGreaterThanOrEqual(500);
    expect(mulaw.length / 8).toBeLessThanOrEqual(540);
    expect(levelOf(Float64Array.from(decodeMulaw(mulaw)))).toBeGreaterThan(2_800);
    expect(words).toHaveLength(1);
  });
});

describe('word spans', () => {
  const voicing = [...Array(50).fill(true), ...Array(30).fill(false), ...Array(50).fill(true)];

  test('a pause goes to the punctuation that caused it', () => {
    const placed = placeWords('Yes dear, quite well', voicing as boolean[], 10);
    expect(placed.map(({ text }) => text)).toEqual(['Yes', 'dear,', 'quite', 'well']);
    expect(placed[1]?.endMs).toBe(500);
    expect(placed[2]?.startMs).toBe(800);
    expect(placed[3]?.endMs).toBe(1_300);
  });

  test('free-standing punctuation stays with its word, and nothing is no word', () => {
    expect(splitWords('today — and  "tomorrow" …')).toEqual(['today —', 'and', '"tomorrow" …']);
    expect(splitWords(' … ')).toEqual([]);
  });
});

describe('finding a synthesiser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'engine-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('prefers the program, then the package', () => {
    expect(findEngine(`/nowhere:${folder}`, () => 'file:///m.js')).toEqual({
      kind: 'wasm',
      moduleUrl: 'file:///m.js',
    });
    writeFileSync(join(folder, 'espeak-ng'), '#!/bin/sh\n', { mode: 0o755 });
    expect(findEngine(`/nowhere:${folder}`, () => 'file:///m.js')).toEqual({
      kind: 'binary',
      path: join(folder, 'espeak-ng'),
    });
  });

  test('says what is missing and how to get it', () => {
    const notInstalled = (): never => {
      throw new Error('Cannot find package');
    };
    expect(() => findEngine('/nowhere', notInstalled)).toThrow(
      /apt-get install espeak-ng.*npm install/u,
    );
  });
});

describe('synthesis', () => {
  beforeAll(async () => {
    await synthesise('Warm the cache.', CALLER_EN);
  }, 60_000);

  test('gives real sound with its words in it, under a new utterance each time', async () => {
    const text = 'Hello Margaret, how are you?';
    const first = await synthesise(text, COMPANION_EN);
    const second = await synthesise(text, COMPANION_EN);
    const [heardFirst, heardSecond] = [first, second].map(({ mulaw }) =>
      new InbandDecoder().push(mulaw),
    );
    expect(heardFirst?.map((word) => word.text).join(' ')).toBe(text);
    expect(heardFirst?.map((word) => word.finality)).toEqual([
      ...Array<string>(4).fill('holding'),
      'complete',
    ]);
    expect(heardFirst?.[0]?.utterance).not.toBe(heardSecond?.[0]?.utterance);
    expect(heardFirst?.map((word) => word.startByte / 8)).toEqual(
      first.words.map((word) => word.startMs),
    );
    expect(first.mulaw.length / 8).toBeGreaterThan(1_000);
    expect(levelOf(Float64Array.from(decodeMulaw(first.mulaw)))).toBeGreaterThan(1_500);
  }, 60_000);

  test('text that begins like an option, or says nothing, is harmless', async () => {
    expect((await synthesise('-v is an option.', CALLER_EN)).words.length).toBe(4);
    expect(await synthesise(' … ', CALLER_EN)).toMatchObject({ words: [] });
    await expect(synthesise('a'.repeat(5_001), CALLER_EN)).rejects.toThrow(RangeError);
  }, 60_000);

  test('never holds up the event loop', async () => {
    // Of this thread alone, and not by the wall: a busy machine does not count.
    const before = process.threadCpuUsage();
    await synthesise(`Not in any cache: ${Date.now()} and ${process.pid}.`, CALLER_EN);
    const { user, system } = process.threadCpuUsage(before);
    // The synthesis itself takes a quarter of a second or more where it has to be compiled first.
    expect((user + system) / 1_000).toBeLessThan(150);
  }, 60_000);
});

describe('caller utterances', () => {
  test('say words, pauses and coughs, and look unfinished until their last word', async () => {
    const utterance = await buildUtterance([
      { say: 'I went to the' },
      { pauseMs: 1_000 },
      { cough: true },
      { say: 'market.' },
      { pauseMs: 400 },
    ]);
    const heard = new InbandDecoder().push(utterance.mulaw);
    expect(heard.map(({ text, finality }) => `${text}:${finality}`)).toEqual([
      'I:holding',
      'went:holding',
      'to:holding',
      'the:holding',
      ':holding',
      'market.:complete',
    ]);
    expect(heard[4]?.kind).toBe('noise');
    expect(utterance.text).toBe('I went to the market.');
    expect(new Set(heard.map((word) => word.utterance))).toEqual(new Set([utterance.utterance]));
    expect(utterance.words[4]!.startMs - utterance.words[3]!.endMs).toBe(1_300);
    expect(utterance.durationMs - utterance.lastWordEndMs).toBe(400);
  }, 60_000);

  test('finality can be given for any piece', async () => {
    const utterance = await buildUtterance([
      { say: 'Yes.', finality: 'complete' },
      { say: 'No.', finality: 'abrupt' },
    ]);
    const heard = new InbandDecoder().push(utterance.mulaw);
    expect(heard.map(({ finality }) => finality)).toEqual(['complete', 'abrupt']);
  }, 60_000);
});
