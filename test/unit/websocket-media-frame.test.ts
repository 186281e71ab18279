/** The fast path for media frames against the plain parser: equal wherever it answers at all. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMediaFrameReader } from '../../websocket/media-frame.ts';
import { parseFrame } from '../../websocket/twilio-messages.ts';

const streamSid = 'MZ0123456789abcdef0123456789abcdef';
const read = createMediaFrameReader(streamSid);
const seed = Number(process.env['FUZZ_SEED']);

type Parts = { sequence: string; chunk: string; timestamp: string; payload: string };

const usual = (parts: Partial<Parts> = {}): string =>
  `{"event":"media","sequenceNumber":"${parts.sequence ?? '4'}","streamSid":"${streamSid}",` +
  `"media":{"track":"inbound","chunk":"${parts.chunk ?? '2'}",` +
  `"timestamp":"${parts.timestamp ?? '40'}","payload":"${parts.payload ?? '//7+/w=='}"}}`;

/** The same frame with the stream's id at its end, as Twilio's documentation shows it. */
const idLast = (parts: Partial<Parts> = {}): string => {
  const frame = usual(parts);
  const id = `"streamSid":"${streamSid}"`;
  return `${frame.replace(`,${id}`, '').slice(0, -1)},${id}}`;
};

/**
 * The property: where the fast path answers, the plain parser gives the very same message; where the
 * plain parser sees no media frame of this stream, the fast path does not answer.
 */
function agrees(bytes: Buffer): 'fast' | 'plain' {
  const fast = read(bytes);
  const plain = parseFrame(bytes);
  if (fast === undefined) return 'plain';
  expect(plain).toEqual({ ok: true, message: fast });
  return 'fast';
}

const audio = fc.uint8Array({ minLength: 1, maxLength: 200 });
const honest = fc
  .record({
    layout: fc.constantFrom(usual, idLast),
    sequence: fc.nat().map(String),
    chunk: fc.nat().map(String),
    timestamp: fc.nat().map(String),
    payload: audio.map((bytes) => Buffer.from(bytes).toString('base64')),
  })
  .map(({ layout, ...parts }) => layout(parts));

describe('the fast path', () => {
  test.each([
    ['in the middle', usual],
    ['at the end', idLast],
  ])('takes frames with the id %s, for every payload length', (_where, layout) => {
    for (let length = 1; length <= 400; length += 1) {
      const bytes = Buffer.alloc(length, length % 256);
      const frame = Buffer.from(layout({ payload: bytes.toString('base64') }));
      expect(agrees(frame)).toBe('fast');
      expect(read(frame)).toMatchObject({ streamSid, sequence: 4, chunk: 2, timestampMs: 40 });
      expect(Buffer.from(read(frame)!.audio)).toEqual(bytes);
    }
  });

  test('takes all honest frames (3,000 random ones)', () => {
    fc.assert(
      fc.property(honest, (frame) => {
        expect(agrees(Buffer.from(frame))).toBe('fast');
      }),
      { numRuns: 3_000, seed },
    );
  });

  test('does not hold on to the frame’s bytes', () => {
    const frame = Buffer.from(usual());
    const message = read(frame);
    frame.fill(0);
    expect(message?.streamSid).toBe(streamSid);
    expect(Buffer.from(message!.audio).toString('base64')).toBe('//7+/w==');
  });

  test.each([
    ['another stream', usual().replace('MZ0', 'MZ9')],
    ['another stream at the end', idLast().replace('MZ0', 'MZ9')],
    ['two streams', usual().replace(/}$/, `,"streamSid":"${streamSid}"}`)],
    ['no stream', usual().replace(`,"streamSid":"${streamSid}"`, '')],
    ['more after the stream at the end', idLast().replace(/}$/, ',"more":1}')],
    ['an id that only begins alike', usual().replace(streamSid, `${streamSid}a`)],
    ['the other track', usual().replace('inbound', 'outbound')],
    ['a space', usual().replace('"media":{', '"media": {')],
    ['a newline at the end', `${usual()}\n`],
    ['something after the end', `${usual()}{}`],
    ['a second event', usual().replace('"}}', '"},"event":"stop"}')],
    ['a second payload', usual().replace('"}}', '","payload":"AAAA"}}')],
    ['another key inside', usual().replace('"}}', '","more":"1"}}')],
    ['an escaped quote in the payload', usual({ payload: '\\"AA' })],
    ['an escaped slash in the payload', usual({ payload: 'AA\\/A' })],
    ['a unicode escape in the payload', usual({ payload: '\\u0041AA' })],
    ['an escaped key', usual().replace('"payload"', '"p\\u0061yload"')],
    ['a quote that closes early', usual({ payload: 'AAAA","x":"AAA' })],
    ['an object in place of the payload', usual().replace('"//7+/w=="', '{"a":"b"}')],
    ['a number for a string', usual().replace('"chunk":"2"', '"chunk":2')],
    ['no digits', usual({ chunk: '' })],
    ['a sign', usual({ timestamp: '-1' })],
    ['a decimal point', usual({ timestamp: '1.5' })],
    ['an exponent', usual({ chunk: '1e3' })],
    ['sixteen digits', usual({ sequence: '1234567890123456' })],
    ['digits of another script', usual({ chunk: '٤' })],
    ['an empty payload', usual({ payload: '' })],
    ['base64 without padding', usual({ payload: '//7+/w' })],
    ['padding inside', usual({ payload: 'AA==AAAA' })],
    ['only padding', usual({ payload: '====' })],
    ['three paddings', usual({ payload: 'A===' })],
    ['base64 of the URL kind', usual({ payload: '__7-AAAA' })],
    ['a space in the payload', usual({ payload: 'AAA AAAA' })],
    ['letters beyond ASCII', usual({ payload: 'ÄAAA' })],
    ['keys in another order', '{"streamSid":"MZ1","event":"media"}'],
    ['a byte order mark', `\uFEFF${usual()}`],
    ['nothing', ''],
    ['the beginning only', '{"event":"media","sequenceNumber":"'],
    ['the end only', '"}}'],
    ['beginning and end overlapping', '{"event":"media","sequenceNumber":"}}'],
    ['more audio than two seconds', usual({ payload: Buffer.alloc(16_001).toString('base64') })],
    ['more than the longest frame', usual({ payload: 'A'.repeat(40_000) })],
  ])('leaves to the plain parser: %s', (_name, frame) => {
    expect(read(Buffer.from(frame))).toBeUndefined();
  });

  test('fifteen digits are exact', () => {
    const frame = Buffer.from(usual({ sequence: '999999999999999', chunk: '000000000000007' }));
    expect(agrees(frame)).toBe('fast');
    expect(read(frame)).toMatchObject({ sequence: 999_999_999_999_999, chunk: 7 });
  });

  test.each([
    ['in the middle', usual],
    ['at the end', idLast],
  ])('every frame with the id %s cut short at any byte is left alone', (_where, layout) => {
    const frame = Buffer.from(layout());
    for (let length = 0; length < frame.length; length += 1) {
      expect(read(frame.subarray(0, length))).toBeUndefined();
    }
  });
});

describe('differential fuzz: 90,000 frames', () => {
  test.each([
    ['in the middle', usual],
    ['at the end', idLast],
  ])('every byte of a frame with the id %s replaced by every byte', (_where, layout) => {
    const whole = Buffer.from(layout());
    let fast = 0;
    for (let at = 0; at < whole.length; at += 1) {
      for (let value = 0; value < 256; value += 1) {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        if (agrees(bytes) === 'fast') fast += 1;
      }
    }
    expect(fast).toBeGreaterThan(500);
  });

  test('frames with bytes put in, taken out, doubled, swapped', () => {
    const edit = fc.tuple(
      fc.constantFrom('insert', 'remove', 'double', 'swap', 'splice'),
      fc.nat(),
      fc.nat(),
      fc.oneof(
        fc.constantFrom('"', '\\', '{', '}', ',', ':', ' ', '\n', '=', '\\u0022', '"}}', '\0', 'é'),
        fc.string({ maxLength: 3 }),
      ),
    );
    let fast = 0;
    fc.assert(
      fc.property(honest, fc.array(edit, { minLength: 1, maxLength: 4 }), (frame, edits) => {
        let text = frame;
        for (const [kind, from, length, put] of edits) {
          const at = from % (text.length + 1);
          const end = Math.min(text.length, at + (length % 12));
          const piece = text.slice(at, end);
          if (kind === 'insert') text = text.slice(0, at) + put + text.slice(at);
          else if (kind === 'remove') text = text.slice(0, at) + text.slice(end);
          else if (kind === 'double') text = text.slice(0, end) + piece + text.slice(end);
          else if (kind === 'swap') text = text.slice(0, at) + text.slice(end) + piece;
          else text = text.slice(0, at) + put + text.slice(end);
        }
        if (agrees(Buffer.from(text)) === 'fast') fast += 1;
      }),
      { numRuns: 20_000, seed },
    );
    expect(fast).toBeGreaterThan(100);
  });

  test('the same facts in any JSON: other orders, other types, doubled keys, spaces, escapes', () => {
    const value = fc.oneof(
      fc.constantFrom('"media"', '"inbound"', '"2"', '2', 'null', 'true', '{}', '[]', '""'),
      fc.constantFrom(`"${streamSid}"`, '"//7+/w=="', '"AAAA"', '"\\u0041AAA"', '"AA\\/A"'),
      fc.string({ maxLength: 6 }).map((text) => JSON.stringify(text)),
      audio.map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64'))),
    );
    const inner = fc
      .array(
        fc.oneof(
          fc.constantFrom('"track":"inbound"', '"chunk":"2"', '"timestamp":"40"'),
          fc.constantFrom('"payload":"AAAA"', '"p\\u0061yload":"AAAA"', '"payload":"//7+/w=="'),
          fc
            .tuple(fc.constantFrom('track', 'chunk', 'timestamp', 'payload', '__proto__'), value)
            .map(([key, text]) => `"${key}":${text}`),
        ),
        { maxLength: 6 },
      )
      .map((fields) => `{${fields.join(',')}}`);
    const outer = fc
      .tuple(
        fc.array(
          fc.oneof(
            fc.constantFrom(
              '"event":"media"',
              '"sequenceNumber":"4"',
              `"streamSid":"${streamSid}"`,
            ),
            inner.map((text) => `"media":${text}`),
            fc
              .tuple(fc.constantFrom('event', 'media', 'streamSid', 'sequenceNumber'), value)
              .map(([key, text]) => `"${key}":${text}`),
          ),
          { maxLength: 7 },
        ),
        fc.constantFrom(',', ' ,', ', ', ',\n'),
      )
      .map(([fields, comma]) => `{${fields.join(comma)}}`);
    fc.assert(
      fc.property(outer, (text) => {
        agrees(Buffer.from(text));
      }),
      { numRuns: 15_000, seed },
    );
  });

  test('the usual fields with one value replaced by anything at all', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.string({ maxLength: 12 }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('sequence', 'chunk', 'timestamp', 'payload'),
        odd,
        (name, text) => {
          agrees(Buffer.from(usual({ [name]: text })));
          agrees(Buffer.from(usual({ [name]: JSON.stringify(text).slice(1, -1) })));
        },
      ),
      { numRuns: 3_000, seed },
    );
  });

  test('any bytes at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(agrees(Buffer.from(bytes))).toBe('plain');
      }),
      { numRuns: 3_000, seed },
    );
  });
});
