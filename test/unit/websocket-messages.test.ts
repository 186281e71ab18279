import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAudio } from '../../websocket/base64-audio.ts';
import { createOutboundFrames } from '../../websocket/outbound-frames.ts';
import { parseFrame } from '../../websocket/twilio-messages.ts';

const parse = (value: unknown) =>
  parseFrame(Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')));

const start = {
  event: 'start',
  sequenceNumber: '1',
  streamSid: 'MZ1',
  start: {
    accountSid: 'AC1',
    streamSid: 'MZ1',
    callSid: 'CA1',
    tracks: ['inbound'],
    mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    customParameters: { token: 's3cret' },
  },
};
const numbered = { sequenceNumber: '512', streamSid: 'MZ1' };
const malformed = { ok: false, problem: 'malformed' };

describe('Twilio’s messages', () => {
  test('the documented ones are read', () => {
    expect(parse('{"event":"connected","protocol":"Call","version":"1.0.0"}')).toEqual({
      ok: true,
      message: { event: 'connected' },
    });
    expect(parse(start)).toEqual({
      ok: true,
      message: {
        event: 'start',
        streamSid: 'MZ1',
        sequence: 1,
        callSid: 'CA1',
        accountSid: 'AC1',
        format: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
        parameters: { token: 's3cret' },
      },
    });
    const media = { track: 'inbound', chunk: '2', timestamp: '40', payload: '//7+' };
    expect(parse({ event: 'media', ...numbered, media })).toEqual({
      ok: true,
      message: {
        event: 'media',
        streamSid: 'MZ1',
        sequence: 512,
        chunk: 2,
        timestampMs: 40,
        audio: Buffer.from([0xff, 0xfe, 0xfe]),
      },
    });
    expect(parse({ event: 'dtmf', ...numbered, dtmf: { digit: '#' } })).toMatchObject({
      message: { event: 'dtmf', digit: '#' },
    });
    expect(parse({ event: 'mark', ...numbered, mark: { name: 'turn-3:seg-2' } })).toMatchObject({
      message: { event: 'mark', name: 'turn-3:seg-2' },
    });
    expect(parse({ event: 'stop', ...numbered, stop: { callSid: 'CA1' } })).toMatchObject({
      message: { event: 'stop', sequence: 512 },
    });
  });

  test('fields that Twilio may add one day do no harm', () => {
    const added = { ...start, newThing: { a: [1] }, start: { ...start.start, newThing: 1 } };
    expect(parse(added)).toEqual(parse(start));
  });

  test('numbers may also be numbers', () => {
    const media = { track: 'inbound', chunk: 2, timestamp: 40, payload: '//7+' };
    expect(parse({ event: 'media', sequenceNumber: 3, streamSid: 'MZ1', media })).toMatchObject({
      message: { sequence: 3, chunk: 2, timestampMs: 40 },
    });
  });

  test('an event nobody has heard of is unknown, not malformed', () => {
    for (const event of ['weather', 'toString', '__proto__', 'constructor', '']) {
      expect(parse({ event, ...numbered })).toEqual({ ok: false, problem: 'unknown' });
    }
  });

  test('oversize is told before anything is parsed', () => {
    expect(parse(`{"event":"connected","x":"${'x'.repeat(33_000)}"}`)).toEqual({
      ok: false,
      problem: 'oversize',
    });
  });

  test.each([
    ['nothing', ''],
    ['half a frame', '{"event":"st'],
    ['no object', '"start"'],
    ['null', 'null'],
    ['an array', '[{"event":"connected"}]'],
    ['no event', '{}'],
    ['an event that is no text', '{"event":{}}'],
    ['no stream id', { event: 'stop', sequenceNumber: '1', stop: {} }],
    ['a stream id that could break out of JSON', { ...start, streamSid: 'MZ1","x":"' }],
    ['a stream id of another kind', { ...start, streamSid: 'CA1' }],
    ['a long stream id', { ...start, streamSid: `MZ${'1'.repeat(80)}` }],
    ['no sequence number', { event: 'stop', streamSid: 'MZ1', stop: {} }],
    ['two stream ids that differ', { ...start, start: { ...start.start, streamSid: 'MZ2' } }],
    ['a start without a call', { ...start, start: { ...start.start, callSid: undefined } }],
    ['a start without a format', { ...start, start: { ...start.start, mediaFormat: null } }],
    [
      'a parameter that is no text',
      { ...start, start: { ...start.start, customParameters: { a: 1 } } },
    ],
    ['parameters that are a list', { ...start, start: { ...start.start, customParameters: [] } }],
    [
      'a huge parameter',
      { ...start, start: { ...start.start, customParameters: { a: 'x'.repeat(501) } } },
    ],
    [
      'too many parameters',
      {
        ...start,
        start: {
          ...start.start,
          customParameters: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`p${i}`, ''])),
        },
      },
    ],
    ['two digits at once', { event: 'dtmf', ...numbered, dtmf: { digit: '12' } }],
    ['a digit that is none', { event: 'dtmf', ...numbered, dtmf: { digit: 'x' } }],
    ['a mark without a name', { event: 'mark', ...numbered, mark: {} }],
    ['a mark with a huge name', { event: 'mark', ...numbered, mark: { name: 'x'.repeat(201) } }],
    ['a stop without its body', { event: 'stop', ...numbered }],
  ])('malformed: %s', (_name, frame) => {
    expect(parse(frame)).toEqual(malformed);
  });

  test('parameters named like an object’s own parts are just parameters', () => {
    const frame = JSON.stringify(start).replace(
      '"token":"s3cret"',
      '"__proto__":"x","constructor":"y"',
    );
    const parsed = parse(frame);
    if (!parsed.ok || parsed.message.event !== 'start') throw new Error('not read');
    expect(Object.entries(parsed.message.parameters)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(Object.hasOwn(parsed.message.parameters, 'token')).toBe(false);
  });

  test('20,000 arbitrary inputs: an answer each, never an exception', () => {
    const events = fc.constantFrom('media', 'start', 'mark', 'dtmf', 'stop', 'connected', 'else');
    const frame = fc.record(
      {
        event: fc.oneof(events, fc.anything()),
        sequenceNumber: fc.oneof(fc.constantFrom('1', 1), fc.anything()),
        streamSid: fc.oneof(fc.constant('MZ1'), fc.anything()),
        media: fc.anything(),
        start: fc.anything(),
        mark: fc.anything(),
        dtmf: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const input = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      frame.map((value) => Buffer.from(JSON.stringify(value, replaceBigInt) ?? '')),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        expect(typeof parseFrame(bytes).ok).toBe('boolean');
      }),
      { numRuns: 20_000 },
    );
  });
});

function replaceBigInt(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

describe('base64 audio', () => {
  test('gives back any bytes (2,000 random ones)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        const decoded = decodeAudio(Buffer.from(bytes).toString('base64'), 400);
        expect(Buffer.from(decoded ?? [])).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes exactly what RFC 4648 §4 takes (20,000 near misses)', () => {
    const strict = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    const unit = fc.constantFrom(...'AZaz09+/==-_ \n"\\éA%.,~\0'.split(''), '€', '😀');
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
        const text = units.join('');
        const isAudio = text.length > 0 && strict.test(text);
        expect(decodeAudio(text, 100) !== undefined).toBe(isAudio);
      }),
      { numRuns: 20_000 },
    );
  });

  test('holds to its limit', () => {
    expect(decodeAudio(Buffer.alloc(160).toString('base64'), 160)).toHaveLength(160);
    expect(decodeAudio(Buffer.alloc(161).toString('base64'), 160)).toBeUndefined();
  });
});

describe('what we send', () => {
  test('is the JSON that JSON.stringify would write', () => {
    const frames = createOutboundFrames('MZ1');
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'binary' }), (bytes, name) => {
        const payload = Buffer.from(bytes).toString('base64');
        expect(frames.media(payload)).toBe(
          JSON.stringify({ event: 'media', streamSid: 'MZ1', media: { payload } }),
        );
        expect(frames.mark(name)).toBe(
          JSON.stringify({ event: 'mark', streamSid: 'MZ1', mark: { name } }),
        );
      }),
    );
    expect(frames.clear).toBe(JSON.stringify({ event: 'clear', streamSid: 'MZ1' }));
  });

  test('is never made for a stream id that could break out', () => {
    for (const sid of ['', 'MZ"', 'MZ\\', 'MZ 1', 'MZ\n']) {
      expect(() => createOutboundFrames(sid)).toThrow('stream id');
    }
  });
});
