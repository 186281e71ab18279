import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDeepgramEmulator, type DeepgramEmulator } from '../../emulators/deepgram/server.ts';
import { CALLER_ES } from '../../emulators/speech/voices.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { eventually } from '../helpers/eventually.ts';
import {
  CHUNK_BYTES,
  closeSessions,
  connectFlux,
  isEvent,
  play,
  silence,
  stateEvents,
  type FluxOptions,
  type Session,
} from '../helpers/flux-session.ts';

let emulator: DeepgramEmulator;
let walk: Utterance;
let slow: Utterance;
let abrupt: Utterance;
let unfinished: Utterance;
let cough: Utterance;
let hola: Utterance;

beforeAll(async () => {
  walk = await buildUtterance([
    { say: 'I went to the' },
    { pauseMs: 1_000 },
    { say: 'market, early this morning.' },
  ]);
  slow = await buildUtterance([{ say: 'I went to' }, { pauseMs: 2_000 }, { say: 'the market.' }]);
  abrupt = await buildUtterance([{ say: 'No thank you.', finality: 'abrupt' }]);
  unfinished = await buildUtterance([{ say: 'And then I', finality: 'holding' }]);
  cough = await buildUtterance([{ cough: true }]);
  hola = await buildUtterance([{ say: 'Hola, estoy muy bien.' }], CALLER_ES);
}, 60_000);

beforeEach(async () => {
  emulator = await startDeepgramEmulator({ apiKey: 'right-key' });
});

afterEach(async () => {
  closeSessions();
  await emulator.close();
});

async function connected(args: FluxOptions = {}): Promise<Session> {
  const session = await connectFlux(emulator.url, args);
  await session.flux.waitForOpen();
  return session;
}

/** Everything said, from the turns that ended. */
async function transcriptOf(sound: Uint8Array): Promise<string> {
  const session = await connected({ eot_timeout_ms: 1_500 });
  play(session, sound, silence(2_000));
  const end = await session.until(isEvent('EndOfTurn'));
  return end.transcript!;
}

describe('Flux, driven by the real SDK', () => {
  test('an utterance in 80 ms chunks is transcribed exactly, word times included', async () => {
    const session = await connected();
    play(session, silence(400), walk.mulaw, silence(1_000));
    const end = await session.until(isEvent('EndOfTurn'));
    expect(end.transcript).toBe('I went to the market, early this morning.');
    expect(end.trigger).toBe('model');
    expect(end.turn_index).toBe(0);
    const first = end.words![0]!;
    expect(first.start).toBeCloseTo(0.4 + walk.words[0]!.startMs / 1_000, 3);
    expect(end.words!.at(-1)!.end).toBeCloseTo(0.4 + walk.lastWordEndMs / 1_000, 3);
    expect(end.end_of_turn_confidence).toBeGreaterThanOrEqual(0.8);
  });

  test('Connected comes first and sequence ids count every message', async () => {
    const session = await connected();
    session.flux.sendConfigure({ type: 'Configure', thresholds: { eot_threshold: 0.9 } });
    play(session, walk.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    expect(session.messages[0]).toMatchObject({ type: 'Connected', sequence_id: 0 });
    expect(session.messages.map((m) => m.sequence_id)).toEqual(session.messages.map((_, i) => i));
  });

  test('a long pause in mid-sentence leads to an eager end, a resumption and one end', async () => {
    const session = await connected();
    play(session, slow.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    expect(stateEvents(session)).toEqual([
      'StartOfTurn',
      'EagerEndOfTurn',
      'TurnResumed',
      'EagerEndOfTurn',
      'EndOfTurn',
    ]);
    const eager = session.messages.filter(isEvent('EagerEndOfTurn')).map((m) => m.transcript);
    expect(eager).toEqual(['I went to', 'I went to the market.']);
    const end = session.messages.find(isEvent('EndOfTurn'));
    expect(end!.transcript).toBe(eager[1]);
  });

  test('the eager end is decided 200 ms of audio before the end, at the exact byte', async () => {
    const session = await connected();
    play(session, Buffer.concat([walk.mulaw, silence(1_000)]));
    await session.until(isEvent('EndOfTurn'));
    const sent = emulator.log.all('sent');
    const eager = sent.find((entry) => entry.name === 'EagerEndOfTurn')!.decision!;
    const end = sent.find((entry) => entry.name === 'EndOfTurn')!.decision!;
    const lastWordEndByte = walk.lastWordEndMs * 8;
    expect(eager.lastWordEndByte).toBe(lastWordEndByte);
    expect(end.lastWordEndByte).toBe(lastWordEndByte);
    expect(end.crossingByte - eager.crossingByte).toBe(200 * 8);
    expect(eager.crossingByte - lastWordEndByte).toBe(Math.ceil((400 / 3) * 8));
    expect(end.decidedByByte).toBe(Math.ceil(end.crossingByte / CHUNK_BYTES) * CHUNK_BYTES);
  });

  test('without an eager threshold there are no eager ends', async () => {
    const session = await connected({ eager_eot_threshold: undefined });
    play(session, walk.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    expect(stateEvents(session)).toEqual(['StartOfTurn', 'EndOfTurn']);
  });

  test('an abrupt end offers no eager end', async () => {
    const session = await connected();
    play(session, abrupt.mulaw, silence(1_000));
    const end = await session.until(isEvent('EndOfTurn'));
    expect(end.trigger).toBe('model');
    expect(stateEvents(session)).toEqual(['StartOfTurn', 'EndOfTurn']);
    const decision = emulator.log.all('sent').find((e) => e.name === 'EndOfTurn')!.decision!;
    expect(decision.silenceMs).toBeCloseTo(1_000 / 3, 0);
  });

  test('an unfinished sentence ends by timeout', async () => {
    const session = await connected({ eot_timeout_ms: 1_000 });
    play(session, unfinished.mulaw, silence(900));
    play(session, silence(200));
    const end = await session.until(isEvent('EndOfTurn'));
    expect(end.trigger).toBe('timeout');
    const decision = emulator.log.all('sent').find((e) => e.name === 'EndOfTurn')!.decision!;
    expect(decision.silenceMs).toBe(1_000);
  });

  test('an end-of-turn threshold of 1.0 leaves only the timeout', async () => {
    const session = await connected({ eot_threshold: 1, eot_timeout_ms: 2_000 });
    play(session, walk.mulaw, silence(2_500));
    const end = await session.until(isEvent('EndOfTurn'));
    expect(end.trigger).toBe('timeout');
  });

  test('Configure changes thresholds live, and a bad one fails without effect', async () => {
    const session = await connected();
    session.flux.sendConfigure({
      type: 'Configure',
      thresholds: { eager_eot_threshold: 0.6, eot_threshold: 0.9 },
      keyterms: ['Marjorie'],
    });
    const success = await session.until((m) => m.type === 'ConfigureSuccess');
    expect(success).toMatchObject({
      thresholds: { eager_eot_threshold: 0.6, eot_threshold: 0.9, eot_timeout_ms: 5_000 },
      keyterms: ['Marjorie'],
    });
    session.flux.sendConfigure({ type: 'Configure', thresholds: { eot_threshold: 7 } });
    await session.until((m) => m.type === 'ConfigureFailure');
    play(session, walk.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    const sent = emulator.log.all('sent');
    expect(sent.find((e) => e.name === 'EagerEndOfTurn')!.decision!.silenceMs).toBeCloseTo(200, 0);
    expect(sent.find((e) => e.name === 'EndOfTurn')!.decision!.silenceMs).toBeCloseTo(400, 0);
  });

  test('Updates come each quarter of a second, also between turns', async () => {
    const session = await connected();
    play(session, silence(2_000));
    await eventually(() => session.messages.length >= 8, 3_000);
    const updates = session.messages.filter(isEvent('Update'));
    expect(updates.length).toBeGreaterThanOrEqual(7);
    expect(updates.every((m) => m.transcript === '')).toBe(true);
  });

  test('turns are numbered and do not share words', async () => {
    const session = await connected();
    play(session, walk.mulaw, silence(1_000), walk.mulaw, silence(1_000));
    await session.until((m) => m.event === 'EndOfTurn' && m.turn_index === 1);
    const ends = session.messages.filter(isEvent('EndOfTurn'));
    expect(ends.map((m) => m.transcript)).toEqual([walk.text, walk.text]);
  });

  test('a cough opens a turn without words that never ends by itself', async () => {
    const session = await connected();
    play(session, cough.mulaw, silence(7_000));
    await eventually(() => session.messages.filter(isEvent('Update')).length > 24, 3_000);
    expect(stateEvents(session)).toEqual(['StartOfTurn']);
    expect(session.messages.every((m) => (m.transcript ?? '') === '')).toBe(true);
    play(session, walk.mulaw, silence(1_000));
    const end = await session.until(isEvent('EndOfTurn'));
    expect(end).toMatchObject({ transcript: walk.text, turn_index: 0 });
  });

  test('a cough can be scripted to fall silent, or to time out', async () => {
    emulator.script.noise = 'silent';
    const stuck = await connected();
    play(stuck, cough.mulaw, silence(2_000), walk.mulaw, silence(1_000));
    await stuck.until(isEvent('EndOfTurn'));
    const start = stuck.messages.findIndex(isEvent('StartOfTurn'));
    expect(stuck.messages[start + 1]!.transcript).not.toBe('');

    emulator.script.noise = 'timeout';
    const timed = await connected({ eot_timeout_ms: 1_000 });
    play(timed, cough.mulaw, silence(2_000));
    expect(await timed.until(isEvent('EndOfTurn'))).toMatchObject({
      transcript: '',
      trigger: 'timeout',
    });
  });

  test('a formatting-only difference between eager and final text can be scripted', async () => {
    emulator.script.formatDrift = 'announced';
    const session = await connected();
    play(session, walk.mulaw, silence(1_000));
    const end = await session.until(isEvent('EndOfTurn'));
    const eager = session.messages.findLast(isEvent('EagerEndOfTurn'))!;
    expect(end.transcript).toBe(walk.text);
    expect(eager.transcript).toBe('i went to the market early this morning');
    expect(stateEvents(session).slice(-3)).toEqual(['EagerEndOfTurn', 'TurnResumed', 'EndOfTurn']);
  });

  test('the multilingual model names languages and hints', async () => {
    const session = await connected({ model: 'flux-general-multi', language_hint: ['es', 'en'] });
    play(session, hola.mulaw, silence(1_000));
    expect(await session.until(isEvent('EndOfTurn'))).toMatchObject({
      languages: ['es'],
      languages_hinted: ['es', 'en'],
    });
  });

  test('a turn can be scripted to open without StartOfTurn', async () => {
    emulator.script.omitStartOfTurn = true;
    const session = await connected();
    play(session, walk.mulaw, silence(1_000));
    expect((await session.until(isEvent('EndOfTurn'))).transcript).toBe(walk.text);
    expect(stateEvents(session)).not.toContain('StartOfTurn');
  });

  test('a brief log leaves out audio and Updates, for load tests', async () => {
    await emulator.close();
    emulator = await startDeepgramEmulator({ briefLog: true });
    const session = await connected();
    play(session, walk.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    expect(emulator.log.all('audio')).toEqual([]);
    const names = emulator.log.all('sent').map((entry) => entry.name);
    expect(names).toContain('EndOfTurn');
    expect(names).not.toContain('Update');
  });

  test('a scripted delay is never cut short and keeps messages in order', async () => {
    emulator.script.delayMs = { EndOfTurn: 120, EagerEndOfTurn: 40 };
    const session = await connected();
    play(session, walk.mulaw, silence(1_000));
    await session.until(isEvent('EndOfTurn'));
    const sent = emulator.log.all('sent');
    const end = sent.find((entry) => entry.name === 'EndOfTurn')!;
    expect(end.atMs - end.decidedAtMs).toBeGreaterThanOrEqual(120);
    expect(session.messages.map((m) => m.sequence_id)).toEqual(session.messages.map((_, i) => i));
  });
});

describe('Flux hears damage to the audio', () => {
  /** A chunk in the middle of 'market,'. */
  const chunkWithin = (): number => {
    const market = walk.words[4]!;
    return Math.ceil((market.startMs * 8) / CHUNK_BYTES) + 1;
  };
  const chunksOf = (sound: Uint8Array): Uint8Array[] =>
    Array.from({ length: Math.ceil(sound.length / CHUNK_BYTES) }, (_, i) =>
      sound.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES),
    );

  test('a dropped chunk shows', async () => {
    const chunks = chunksOf(walk.mulaw);
    chunks.splice(chunkWithin(), 1);
    const heard = await transcriptOf(Buffer.concat(chunks));
    expect(heard).not.toBe(walk.text);
    expect(heard).toMatch(/^I went to the [a-z,]*~[a-z,]* early this morning\.$/u);
  });

  test('a doubled chunk shows', async () => {
    const chunks = chunksOf(walk.mulaw);
    const at = chunkWithin();
    chunks.splice(at, 0, chunks[at]!);
    expect(await transcriptOf(Buffer.concat(chunks))).toContain('~');
  });

  test('swapped chunks show', async () => {
    const chunks = chunksOf(walk.mulaw);
    const at = chunkWithin();
    [chunks[at], chunks[at + 1]] = [chunks[at + 1]!, chunks[at]!];
    expect(await transcriptOf(Buffer.concat(chunks))).toContain('~');
  });

  test('a doubled word is said twice, a lost word is missing', async () => {
    const word = walk.words[5]!;
    const [from, to] = [word.startMs * 8, word.endMs * 8];
    const { mulaw } = walk;
    const doubled = Buffer.concat([mulaw.subarray(0, to), mulaw.subarray(from)]);
    expect(await transcriptOf(doubled)).toBe('I went to the market, early early this morning.');
    const lost = Buffer.concat([mulaw.subarray(0, from), mulaw.subarray(to)]);
    expect(await transcriptOf(lost)).toBe('I went to the market, this morning.');
  });

  test('a few lost bytes show and later words are still heard', async () => {
    const at = walk.words[4]!.startMs * 8 + 500;
    const cut = Buffer.concat([walk.mulaw.subarray(0, at), walk.mulaw.subarray(at + 37)]);
    expect(await transcriptOf(cut)).toMatch(/~.* early this morning\.$/u);
  });
});
