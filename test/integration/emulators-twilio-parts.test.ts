import { createServer, type AddressInfo, type Socket } from 'node:net';
import fc from 'fast-check';
import twilio from 'twilio';
import { describe, expect, onTestFinished, test } from 'vitest';
import { EmulatorLog } from '../../emulators/log.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import { PlayoutBuffer } from '../../emulators/twilio/playout.ts';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import { parseServerMessage } from '../../emulators/twilio/stream-messages.ts';
import { parseTwiml } from '../../emulators/twilio/twiml.ts';
import { decodeWav } from '../../emulators/twilio/wav.ts';
import type { TwilioEvent } from '../../emulators/twilio/events.ts';
import { WebhookClient } from '../../emulators/twilio/webhooks.ts';
import { toneSpeech } from '../helpers/tone-speech.ts';

const RUNS = { numRuns: 10_000 };

describe('signatures', () => {
  test("are the SDK's own, for any URL and parameters", () => {
    const params = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.array(fc.string())));
    fc.assert(
      fc.property(fc.string(), fc.webUrl(), params, (token, url, fields) => {
        expect(twilioSignature(token, url, fields)).toBe(
          twilio.getExpectedTwilioSignature(token, url, fields),
        );
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('TwiML', () => {
  test("whatever the SDK's builder writes comes back as it was meant", () => {
    const response = new twilio.twiml.VoiceResponse();
    const connect = response.connect({ action: '/after?a=1&b="2"' });
    const stream = connect.stream({ url: 'wss://example.org/media', name: 'a<b' });
    stream.parameter({ name: 'token', value: 'x & <y> "z" \'w\' ü' });
    response.say({ language: 'es-ES' }, 'Hola & adiós');
    response.pause({ length: 3 });
    response.redirect({ method: 'GET' }, '/resume?x=1&y=2');
    expect(parseTwiml(response.toString())).toMatchObject({
      ok: true,
      warnings: [],
      verbs: [
        {
          verb: 'Connect',
          action: '/after?a=1&b="2"',
          stream: {
            url: 'wss://example.org/media',
            name: 'a<b',
            parameters: { token: 'x & <y> "z" \'w\' ü' },
          },
        },
        { verb: 'Say', text: 'Hola & adiós', language: 'es-ES' },
        { verb: 'Pause', pauseMs: 3_000 },
        { verb: 'Redirect', url: '/resume?x=1&y=2', method: 'GET' },
      ],
    });
  });

  test('comments, CDATA, SSML and character references', () => {
    const source =
      '<?xml version="1.0"?><!-- hello --><Response><Say>a <![CDATA[<b>]]> &#99;&#x64; ' +
      '<emphasis>loud</emphasis></Say></Response>';
    expect(parseTwiml(source)).toMatchObject({ verbs: [{ text: 'a <b> cd loud' }] });
  });

  test.each([
    ['', 'empty'],
    ['hello', 'text outside'],
    ['<Response>', 'never closed'],
    ['<Response></Response><Response/>', 'after the root'],
    ['<Response><Say></Response>', 'unexpected end tag'],
    ['<Response><Say>&nbsp;</Say></Response>', 'character reference'],
    ['<Response a="1" a="2"/>', 'repeated'],
    ['<!DOCTYPE x><Response/>', 'document type'],
    ['<Answer/>', 'not <Response>'],
  ])('%j is 12100: %s', (source, reason) => {
    const parsed = parseTwiml(source);
    expect(parsed).toMatchObject({ ok: false, problem: { code: 12100 } });
    expect(parsed.ok ? '' : parsed.problem.message).toContain(reason);
  });

  test('no text makes the parser throw', () => {
    const pieces = fc.constantFrom(
      ...['<Response>', '</Response>', '<Say>', '</Say>', '<Stream url="', '"/>', '<!--', '-->'],
      ...['<![CDATA[', ']]>', '&amp;', '&#x0;', '&', '<', '>', '"', "'", '=', ' ', 'x', '\0', 'ü'],
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((p) => p.join('')),
        ),
        (text) => {
          expect(typeof parseTwiml(text).ok).toBe('boolean');
        },
      ),
      RUNS,
    );
  });
});

describe('messages from the server', () => {
  test('no text makes the parser throw, and only the four kinds come out', () => {
    const json = fc.json({ maxDepth: 3 });
    const near = fc
      .record({
        event: fc.constantFrom('media', 'mark', 'clear', 'stop', 7, null),
        streamSid: fc.constantFrom('MZ1', 'MZ2', 1),
        media: fc.oneof(
          fc.jsonValue(),
          fc.record({ payload: fc.oneof(fc.string(), fc.base64String()) }),
        ),
        mark: fc.oneof(fc.jsonValue(), fc.record({ name: fc.string() })),
      })
      .map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.string(), json, near), (text) => {
        const message = parseServerMessage(text, 'MZ1');
        expect(['media', 'mark', 'clear', 'bad']).toContain(message.event);
      }),
      RUNS,
    );
  });
});

describe('the play-out buffer', () => {
  type Order =
    { readonly do: 'media'; readonly bytes: number } | { readonly do: 'mark' | 'clear' | 'frame' };

  const orders = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('media' as const), bytes: fc.integer({ min: 0, max: 900 }) }),
      fc.record({ do: fc.constantFrom('mark' as const, 'frame' as const, 'frame' as const) }),
      { arbitrary: fc.record({ do: fc.constant('clear' as const) }), weight: 1 },
    ),
    { maxLength: 80 },
  );

  function play(all: readonly Order[]): {
    playout: PlayoutBuffer;
    returned: string[];
    line: number[];
    sent: number;
  } {
    const returned: string[] = [];
    const playout = new PlayoutBuffer({ atMs: 1_000 }, false, {
      markReturned: (name, outcome) => returned.push(`${name}:${outcome}`),
      wordHeard: () => undefined,
      started: () => undefined,
      ended: () => undefined,
      underrun: () => undefined,
    });
    const line: number[] = [];
    let sent = 0;
    let frames = 0;
    for (const [index, order] of all.entries()) {
      const nowMs = 1_000 + frames * 20 - 1;
      if (order.do === 'media') {
        // Every byte is its own number, so that order and loss can be seen.
        playout.push(Uint8Array.from({ length: order.bytes }, () => sent++ % 251));
      } else if (order.do === 'mark') playout.mark(`m${index}`, nowMs);
      else if (order.do === 'clear') playout.clear('clear', nowMs);
      else {
        const taken = playout.playedBytes();
        const frame = playout.frame();
        frames += 1;
        if (frame) line.push(...frame.subarray(0, playout.playedBytes() - taken));
      }
    }
    return { playout, returned, line, sent };
  }

  test('every byte is played, flushed or still buffered; marks return once and in order', () => {
    fc.assert(
      fc.property(orders, (all) => {
        const { playout, returned, line, sent } = play(all);
        const buffered = Math.round(playout.bufferedMs() * 8);
        expect(playout.playedBytes() + playout.flushedBytes() + buffered).toBe(sent);
        expect(playout.receivedBytes()).toBe(sent);
        expect(line).toHaveLength(playout.playedBytes());
        const inOrder = returned.map((entry) => Number(entry.slice(1, entry.indexOf(':'))));
        expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b));
        expect(new Set(inOrder).size).toBe(inOrder.length);
        expect(playout.marks().filter((m) => m.outcome !== undefined)).toHaveLength(
          returned.length,
        );
        const stretches = playout.stretches();
        expect(stretches.reduce((sum, one) => sum + one.bytes, 0)).toBe(playout.playedBytes());
      }),
      { numRuns: 3_000 },
    );
  });

  test('without a clear, what is played is what was sent, byte for byte', () => {
    fc.assert(
      fc.property(orders, (all) => {
        const { line } = play(all.filter((order) => order.do !== 'clear'));
        expect(line).toEqual(line.map((_, index) => index % 251));
      }),
      { numRuns: 1_000 },
    );
  });

  test('a clear during a frame: the frame plays out, its mark counts as played', () => {
    const { returned, playout } = play([
      { do: 'media', bytes: 160 },
      { do: 'mark' },
      { do: 'media', bytes: 160 },
      { do: 'mark' },
      { do: 'frame' },
      { do: 'clear' },
    ]);
    expect(returned).toEqual(['m1:played', 'm3:flushed']);
    expect(playout.clears()).toMatchObject([{ flushedBytes: 160, flushedMarks: ['m3'] }]);
  });
});

describe('sound', () => {
  test('speech cut into any frames by the test tone decodes to its words', () => {
    const { mulaw } = toneSpeech('one two three');
    const words = new InbandDecoder().push(mulaw);
    expect(words.map((word) => word.text)).toEqual(['one', 'two', 'three']);
  });

  test('WAV files: μ-law as it is, PCM resampled, anything else refused', () => {
    const wav = (code: number, rate: number, bits: number, data: Buffer): Buffer => {
      const head = Buffer.alloc(44);
      head.write('RIFF', 0);
      head.writeUInt32LE(36 + data.length, 4);
      head.write('WAVEfmt ', 8);
      head.writeUInt32LE(16, 16);
      head.writeUInt16LE(code, 20);
      head.writeUInt16LE(1, 22);
      head.writeUInt32LE(rate, 24);
      head.writeUInt32LE((rate * bits) / 8, 28);
      head.writeUInt16LE(bits / 8, 32);
      head.writeUInt16LE(bits, 34);
      head.write('data', 36);
      head.writeUInt32LE(data.length, 40);
      return Buffer.concat([head, data]);
    };
    const mulaw = Buffer.from([1, 2, 3, 255]);
    expect(Buffer.from(decodeWav(wav(7, 8_000, 8, mulaw))).equals(mulaw)).toBe(true);
    expect(decodeWav(wav(1, 16_000, 16, Buffer.alloc(640)))).toEqual(new Uint8Array(160).fill(255));
    expect(() => decodeWav(wav(3, 8_000, 32, Buffer.alloc(32)))).toThrow('WAV format 3');
    expect(() => decodeWav(Buffer.from('ID3 is not it'))).toThrow('not a WAV');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() =>
          decodeWav(Buffer.concat([wav(1, 8_000, 16, Buffer.alloc(0)), bytes])),
        ).not.toThrow(TypeError);
      }),
    );
  });
});

describe('webhooks', () => {
  /** A server whose connections carry `perConnection` requests each; the next one is broken off. */
  async function startServer(
    perConnection: number,
  ): Promise<{ url: string; requests: () => number }> {
    let requests = 0;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      let carried = 0;
      socket.on('error', () => undefined);
      socket.on('data', () => {
        requests += 1;
        carried += 1;
        if (carried > perConnection) socket.resetAndDestroy();
        else socket.write('HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}/voice/status`, requests: () => requests };
  }

  const request = { callSid: 'CA1', kind: 'status', method: 'POST', params: { A: '1' } } as const;

  test('one that met a pooled connection on its way out is sent again', async () => {
    const { url, requests } = await startServer(1);
    const client = new WebhookClient('token', new EmulatorLog<TwilioEvent>());
    onTestFinished(() => client.close());
    expect(await client.send({ ...request, url })).toMatchObject({ status: 204 });
    expect(await client.send({ ...request, url })).toMatchObject({ status: 204 });
    expect(requests()).toBe(3);
  });

  test('one that breaks on a connection of its own has failed', async () => {
    const { url, requests } = await startServer(0);
    const client = new WebhookClient('token', new EmulatorLog<TwilioEvent>());
    onTestFinished(() => client.close());
    expect(await client.send({ ...request, url })).toMatchObject({ status: 0 });
    expect(requests()).toBe(1);
  });
});
