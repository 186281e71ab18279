import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { audit } from '../../demo/audit.ts';
import { parseEventLine } from '../../demo/event-stream.ts';
import { inkFor } from '../../demo/ink.ts';
import { noteOf } from '../../demo/live-view.ts';
import { renderReport } from '../../demo/report.ts';
import type { Run } from '../../demo/run.ts';
import { margaret } from '../../demo/scenarios/margaret.ts';
import { summarise } from '../../demo/summary.ts';
import { verdicts, waterfall } from '../../demo/terminal-report.ts';
import { buildTranscript, clock, transcriptMarkdown } from '../../demo/transcript.ts';
import { peaks, stereoWav } from '../../demo/wav.ts';
import { piecesOf } from '../../demo/web-call.ts';
import { parseFromPage } from '../../demo/web-messages.ts';
import { EvidenceBuilder } from '../helpers/demo-evidence.ts';

const NAMES = { caller: 'Margaret', companion: 'Companion' };
const FILES = { wav: '/x/call.wav', transcript: '/x/transcript.json', report: '/x/report.html' };

const QUIET = { longestMs: () => 3, stealPercent: () => undefined };

/** A call in which the companion is cut after two words, by somebody with a strange way of speaking. */
function exampleRun(): Run {
  const call = new EvidenceBuilder();
  const line = call.says('tell <script>alert(1)</script> me', 20_000);
  call.stt_('EndOfTurn', line, 20_380, 333);
  call.reply({ askedAtMs: 20_382, text: 'one two three four', mediaAtMs: 20_605, heardWords: 2 });
  const stop = call.says('wait', 21_500, 'interruption', 0);
  call.stt_('Update', stop, 21_300, 0, 0);
  call.clear(21_310);
  call.event(21_320, {
    what: 'alert-raised',
    category: 'fall',
    severity: 'high',
    evidence: 'a & b',
  });
  return {
    scenario: margaret,
    evidence: call.build(),
    recording: {
      caller: new Uint8Array(8_000).fill(0xff),
      companion: new Uint8Array(8_000).fill(0),
    },
    startedAt: new Date('2026-11-22T09:00:00Z'),
  };
}

describe('the transcript', () => {
  const run = exampleRun();
  const transcript = buildTranscript(run, audit(run.evidence));

  test('tells what was heard apart from what was cut', () => {
    const said = transcript.entries.filter((entry) => entry.who === 'companion');
    expect(said).toMatchObject([{ text: 'one two', cut: 'three four' }]);
  });

  test('is in order of time and holds what happened between', () => {
    const times = transcript.entries.map((entry) => entry.atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const events = transcript.entries.flatMap((e) => (e.who === 'event' ? [e.what] : []));
    expect(events).toEqual(['barge-in', 'alert']);
  });

  test('strikes what was cut in Markdown', () => {
    expect(transcriptMarkdown(transcript, NAMES)).toContain(
      '**Companion:** one two ~~three four~~',
    );
  });

  test.each([
    [0, '0:00.0'],
    [59_960, '1:00.0'],
    [61_234, '1:01.2'],
    [-5, '0:00.0'],
  ])('%i ms is %s', (ms, text) => {
    expect(clock(ms)).toBe(text);
  });
});

describe('the report', () => {
  const run = exampleRun();
  const judged = { run, audit: audit(run.evidence) };
  const summary = summarise([judged], FILES, QUIET);
  const transcript = buildTranscript(run, judged.audit);
  const wav = stereoWav(run.recording);
  const html = renderReport({ summary, judged, transcript, names: NAMES, wav });

  test('fetches nothing from anywhere', () => {
    const outside = html.match(
      /(?:src|href|url\(|@import|fetch\()\s*=?\s*["'(]?\s*(?!data:|#)[^\s>]*/gi,
    );
    const links = (outside ?? []).filter((hit) => /(?:https?:)?\/\//.test(hit));
    expect(links).toEqual([]);
    expect(html).toContain('src="data:audio/wav;base64,UklGR');
  });

  test('takes what was said as text, never as markup', () => {
    expect(html).not.toContain('<script>alert');
    expect(html).toContain('&lt;script&gt;alert');
    expect(html).toContain('a &amp; b');
  });

  test('shows verdict, figures, both voices and the waits', () => {
    for (const part of [
      'Promises were broken',
      'Added latency',
      'id="timeline"',
      'id="waterfall"',
    ]) {
      expect(html).toContain(part);
    }
    expect(html).toContain('<del>three four</del>');
  });

  test('the summary holds every field that was promised', () => {
    expect(Object.keys(summary)).toEqual(
      expect.arrayContaining([
        'pass',
        'scenario',
        'greetingMs',
        'addedMs',
        'eagerMs',
        'ownWorkMs',
        'bargeInMs',
        'falseInterruptions',
        'heardWordErrorMax',
        'lostWords',
        'doubledWords',
        'unkeptWords',
        'longestSilenceMs',
        'turns',
        'files',
        'failures',
      ]),
    );
    expect(summary.pass).toBe(false);
    expect(summary.failures.length).toBeGreaterThan(0);
  });
});

describe('the terminal', () => {
  const run = exampleRun();
  const judged = { run, audit: audit(run.evidence) };
  const stream = (isTTY: boolean): NodeJS.WriteStream =>
    Object.assign(Object.create(process.stdout) as NodeJS.WriteStream, { isTTY, columns: 90 });
  const escape = '\u001B[';

  test('no colour without a terminal, nor with NO_COLOR', () => {
    expect(inkFor(stream(false), {}).paint('bad', 'x')).toBe('x');
    expect(inkFor(stream(true), { NO_COLOR: '1' }).paint('bad', 'x')).toBe('x');
    expect(inkFor(stream(true), {}).paint('bad', 'x')).toContain(escape);
  });

  test('the waterfall fits the terminal', () => {
    const text = waterfall(judged.audit, inkFor(stream(false), {}));
    const bars = text.split('\n').filter((line) => line.includes('added'));
    expect(bars).toHaveLength(1);
    expect(bars[0]!.length).toBeLessThanOrEqual(100);
  });

  test('broken promises are named', () => {
    const text = verdicts(summarise([judged], FILES, QUIET), inkFor(stream(false), {}));
    expect(text).toContain('Promises were broken.');
    expect(text).toContain('✗ Heard text off by at most');
  });

  test('an alert is shown to whoever watches, a partial is not', () => {
    const at = { callSid: 'CA1', atMs: 1 };
    const alert = {
      what: 'alert-raised',
      category: 'fall',
      severity: 'high',
      evidence: 'e',
    } as const;
    expect(noteOf({ ...alert, ...at })?.text).toContain('ALERT fall');
    const partial = { what: 'heard', state: 'partial', sttTurn: 1, text: 'x' } as const;
    expect(noteOf({ ...partial, ...at })).toBeUndefined();
  });
});

describe('the recording', () => {
  test('is a stereo PCM WAV with the caller on the left', () => {
    const loud = 0x00;
    const wav = stereoWav({ caller: Uint8Array.of(loud, 0xff), companion: Uint8Array.of(0xff) });
    const view = new DataView(wav.buffer);
    expect(Buffer.from(wav.subarray(0, 4)).toString()).toBe('RIFF');
    expect([view.getUint16(20, true), view.getUint16(22, true), view.getUint32(24, true)]).toEqual([
      1, 2, 8_000,
    ]);
    expect(view.getUint32(40, true)).toBe(8);
    expect([44, 46, 48, 50].map((at) => view.getInt16(at, true))).toEqual([-32_124, 0, 0, 0]);
  });

  test('peaks follow the sound', () => {
    const mulaw = new Uint8Array(100).fill(0xff).fill(0x00, 50);
    expect(peaks(mulaw, 2)).toEqual([0, 0.98]);
  });
});

describe('what comes from outside', () => {
  test('only events of ours are taken from the event stream', () => {
    expect(parseEventLine('data: {"what":"digit","atMs":1,"callSid":"CA1"}')).toMatchObject({
      what: 'digit',
    });
    for (const line of [': 12', '', 'data: {', 'data: 3', 'data: {"what":"x"}', 'event: y']) {
      expect(parseEventLine(line)).toBeUndefined();
    }
  });

  test('a page’s messages are checked', () => {
    expect(parseFromPage('{"kind":"say","text":" hello "}')).toEqual({
      kind: 'say',
      text: 'hello',
    });
    expect(parseFromPage('{"kind":"call","direction":"inbound"}')).toEqual({
      kind: 'call',
      direction: 'inbound',
      name: '',
      language: 'en',
    });
    const bad = [
      '',
      '[]',
      '{"kind":"say","text":""}',
      `{"kind":"say","text":"${'a'.repeat(301)}"}`,
      '{"kind":"press","digits":"A"}',
      '{"kind":"call","direction":"up"}',
      '{"kind":"hang-up","now":true}',
    ];
    for (const text of bad) expect(parseFromPage(text), text).toBeUndefined();
  });

  test('nothing that a page can send throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        parseFromPage(text);
        parseEventLine(`data:${text}`);
      }),
      { numRuns: 10_000 },
    );
  });

  test('three dots are a pause, and nothing to say is nothing', () => {
    expect(piecesOf('Well ... I slept badly.')).toEqual([
      { say: 'Well', finality: 'holding' },
      { pauseMs: 1_000 },
      { say: 'I slept badly.', finality: 'complete' },
    ]);
    expect(piecesOf('…')).toEqual([]);
  });
});
