/**
 * The calibrator: the least that a media server can do, kept as it is so that figures of different
 * machines and days can be compared with it. Takes media sockets, parses every frame, forwards the
 * audio to a socket of its own per call, and wraps what comes back.
 *
 *   node bench/relay.ts ws://127.0.0.1:PORT     prints {"port":…} when it listens
 */
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';

const upstreamUrl = process.argv[2] ?? '';
const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on('connection', (caller) => {
  const upstream = new WebSocket(upstreamUrl, { perMessageDeflate: false });
  let streamSid = '';
  upstream.on('message', (audio: Buffer) => {
    const payload = audio.toString('base64');
    caller.send(JSON.stringify({ event: 'media', streamSid, media: { payload } }));
  });
  caller.on('message', (bytes: Buffer) => {
    const frame = JSON.parse(bytes.toString('utf8')) as {
      event: string;
      streamSid?: string;
      media?: { payload: string };
    };
    streamSid = frame.streamSid ?? streamSid;
    if (frame.media === undefined || upstream.readyState !== WebSocket.OPEN) return;
    upstream.send(Buffer.from(frame.media.payload, 'base64'));
  });
  upstream.on('error', () => caller.terminate());
  caller.on('error', () => upstream.terminate());
  upstream.on('close', () => caller.close());
  caller.on('close', () => upstream.close());
});

process.on('SIGTERM', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});
