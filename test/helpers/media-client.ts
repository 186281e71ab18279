/** The caller's side of a media stream for tests: a raw ws client that speaks as Twilio does. */
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import type { MediaSocketLimits } from '../../websocket/limits.ts';
import { createMediaSocket, type MediaSocket } from '../../websocket/media-socket.ts';
import type {
  AttachCall,
  CloseReason,
  ConsumeToken,
  MediaSink,
  MediaSocketNotice,
  MediaStream,
  StreamClaim,
  StreamStart,
} from '../../websocket/types.ts';
import { eventually } from './eventually.ts';

export const authToken = 'test-auth-token';
/** What the TwiML would say; the server listens elsewhere, as behind a proxy. */
export const publicUrl = 'https://line.example';
export const signedUrl = 'wss://line.example/media-stream';

/** Twilio's signature over a URL without parameters. */
export function sign(url: string, key = authToken): string {
  return createHmac('sha1', key).update(url).digest('base64');
}

/** One attached stream, and all that its call was told, in order. */
export type AttachedCall = {
  readonly start: StreamStart;
  readonly claim: StreamClaim;
  readonly stream: MediaStream;
  readonly audio: Buffer[];
  readonly told: string[];
  readonly closed: Promise<CloseReason>;
};

export type MediaServer = {
  readonly server: Server;
  readonly port: number;
  readonly socket: MediaSocket;
  readonly calls: AttachedCall[];
  readonly notices: MediaSocketNotice[];
  /** Tokens that `consumeToken` knows: token → CallSid. */
  readonly tokens: Map<string, string>;
  close(): Promise<void>;
};

export type MediaServerOptions = {
  readonly limits?: Partial<MediaSocketLimits>;
  readonly consumeToken?: ConsumeToken;
  readonly now?: () => number;
  /** Wraps or replaces the sink that records. */
  readonly attach?: (call: AttachedCall, sink: MediaSink) => ReturnType<AttachCall>;
};

export async function startMediaServer(options: MediaServerOptions = {}): Promise<MediaServer> {
  const server = createServer((_request, response) => response.writeHead(404).end());
  const calls: AttachedCall[] = [];
  const notices: MediaSocketNotice[] = [];
  const tokens = new Map<string, string>();
  const consume: ConsumeToken = async (token) => {
    const callSid = tokens.get(token);
    tokens.delete(token);
    return callSid === undefined ? undefined : { callSid, data: { from: 'test' } };
  };
  const socket = createMediaSocket({
    server,
    publicUrl: () => publicUrl,
    authToken,
    consumeToken: options.consumeToken ?? consume,
    attach: (start, claim, stream) => {
      const { call, sink } = recordCall(start, claim, stream);
      calls.push(call);
      return options.attach === undefined ? sink : options.attach(call, sink);
    },
    onNotice: (notice) => notices.push(notice),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.now === undefined ? {} : { now: options.now }),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    await socket.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { server, port, socket, calls, notices, tokens, close };
}

function recordCall(start: StreamStart, claim: StreamClaim, stream: MediaStream) {
  const audio: Buffer[] = [];
  const told: string[] = [];
  let settle: (why: CloseReason) => void = () => undefined;
  const closed = new Promise<CloseReason>((resolve) => {
    settle = resolve;
  });
  const sink: MediaSink = {
    onAudio: (mulaw) => {
      audio.push(Buffer.from(mulaw));
      told.push('audio');
    },
    onMark: (name) => told.push(`mark ${name}`),
    onDigit: (digit) => told.push(`digit ${digit}`),
    onStop: () => told.push('stop'),
    onClosed: (why) => {
      told.push(`closed ${why}`);
      settle(why);
    },
  };
  const call: AttachedCall = { start, claim, stream, audio, told, closed };
  return { call, sink };
}

export type MediaClient = {
  readonly socket: WebSocket;
  readonly callSid: string;
  readonly streamSid: string;
  /** Everything the server sent, parsed. */
  readonly received: { event: string; [key: string]: unknown }[];
  readonly closed: Promise<{ code: number; reason: string }>;
  send(frame: string | Buffer): void;
  connected(): void;
  start(token: string | undefined, change?: Record<string, unknown>): void;
  /** A usual media frame of 20 ms filled with `fill`, at its place in time unless told otherwise. */
  media(chunk: number, fill?: number, timestampMs?: number): void;
  mark(name: string): void;
  digit(digit: string): void;
  stop(): void;
};

export type ConnectOptions = {
  readonly signature?: string | undefined;
  readonly path?: string;
  readonly headers?: Record<string, string>;
};

/** Connects, signed unless told otherwise; rejects with `HTTP <status>` where it is refused. */
export async function connectMedia(
  port: number,
  options: ConnectOptions = {},
): Promise<MediaClient> {
  const signature = 'signature' in options ? options.signature : sign(signedUrl);
  const headers = { ...options.headers };
  if (signature !== undefined) headers['x-twilio-signature'] = signature;
  const url = `ws://127.0.0.1:${port}${options.path ?? '/media-stream'}`;
  const socket = new WebSocket(url, { headers, perMessageDeflate: true });
  const received: MediaClient['received'] = [];
  socket.on('message', (data) => received.push(JSON.parse(String(data))));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('unexpected-response', (request, response) => {
      response.resume();
      request.destroy();
      reject(new Error(`HTTP ${response.statusCode}`));
    });
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  return speakAsTwilio(socket, received, closed);
}

function speakAsTwilio(
  socket: WebSocket,
  received: MediaClient['received'],
  closed: MediaClient['closed'],
): MediaClient {
  const callSid = `CA${randomBytes(16).toString('hex')}`;
  const streamSid = `MZ${randomBytes(16).toString('hex')}`;
  let sequence = 0;
  const send = (frame: string | Buffer): void => socket.send(frame);
  const sendNumbered = (event: string, body: Record<string, unknown>): void => {
    sequence += 1;
    send(JSON.stringify({ event, sequenceNumber: String(sequence), streamSid, ...body }));
  };
  return {
    socket,
    callSid,
    streamSid,
    received,
    closed,
    send,
    connected: () => send('{"event":"connected","protocol":"Call","version":"1.0.0"}'),
    start: (token, change = {}) =>
      sendNumbered('start', {
        start: {
          accountSid: 'AC1',
          streamSid,
          callSid,
          tracks: ['inbound'],
          mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
          customParameters: { ...(token === undefined ? {} : { token }), person: 'p-1' },
          ...change,
        },
      }),
    media: (chunk, fill = chunk % 256, timestampMs = (chunk - 1) * 20) => {
      sequence += 1;
      send(mediaFrame(streamSid, sequence, chunk, timestampMs, Buffer.alloc(160, fill)));
    },
    mark: (name) => sendNumbered('mark', { mark: { name } }),
    digit: (digit) => sendNumbered('dtmf', { dtmf: { track: 'inbound_track', digit } }),
    stop: () => sendNumbered('stop', { stop: { accountSid: 'AC1', callSid } }),
  };
}

/** A media frame, byte for byte as Twilio lays it out. */
export function mediaFrame(
  streamSid: string,
  sequence: number,
  chunk: number,
  timestampMs: number,
  audio: Buffer,
): string {
  return (
    `{"event":"media","sequenceNumber":"${sequence}","streamSid":"${streamSid}",` +
    `"media":{"track":"inbound","chunk":"${chunk}","timestamp":"${timestampMs}",` +
    `"payload":"${audio.toString('base64')}"}}`
  );
}

/** A connected client whose stream is attached, and the call it reached. */
export async function openStream(
  media: MediaServer,
): Promise<{ client: MediaClient; call: AttachedCall }> {
  const client = await connectMedia(media.port);
  media.tokens.set(client.callSid, client.callSid);
  client.connected();
  client.start(client.callSid);
  const call = await eventually(() => media.calls.find((c) => c.start.callSid === client.callSid));
  return { client, call };
}
