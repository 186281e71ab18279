/** Whoever sends a request too slowly is let go of, so that nobody can hold connections with nothing. */
import { connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createHttpServer, REQUEST_LIMITS, unbind } from '../../src/http-server.ts';

const HASTE = { requestTimeout: 400, headersTimeout: 200, connectionsCheckingInterval: 50 };

async function start(limits?: typeof HASTE): Promise<{ server: Server; port: number }> {
  const server = createHttpServer((request, response) => {
    request.resume().once('end', () => response.end('all of it came'));
  }, limits);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => unbind(server));
  return { server, port: (server.address() as AddressInfo).port };
}

/** What the server answers to these bytes until it closes the connection. */
async function answerTo(port: number, bytes: string, more?: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (part) => (answer += part.toString()));
  socket.on('error', () => undefined);
  socket.write(bytes);
  // A byte now and then does not buy any time.
  const trickle = setInterval(() => more !== undefined && socket.write(more), 50);
  await once(socket, 'close');
  clearInterval(trickle);
  return answer;
}

const POST = 'POST / HTTP/1.1\r\nHost: us\r\n';

it('headers that never end, byte by byte, are answered with 408', async () => {
  const { port } = await start(HASTE);
  expect(await answerTo(port, POST, 'X')).toMatch(/^HTTP\/1\.1 408 /);
});

it('a body that never ends, byte by byte, is answered with 408', async () => {
  const { port } = await start(HASTE);
  const head = `${POST}Content-Length: 1000000\r\n\r\n`;
  expect(await answerTo(port, head, 'x')).toMatch(/^HTTP\/1\.1 408 /);
});

it('a request in time is answered, and a socket stays as long as it likes', async () => {
  const { server, port } = await start(HASTE);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const stream = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(stream, 'open');
  const whole = `${POST}Connection: close\r\nContent-Length: 2\r\n\r\nok`;
  expect(await answerTo(port, whole)).toMatch(/^HTTP\/1\.1 200 [^]*all of it came/);
  // Somebody else's time has come twice meanwhile.
  await answerTo(port, POST);
  await answerTo(port, POST);
  const echo = once(stream, 'message');
  stream.send('still here');
  expect(String((await echo)[0])).toBe('still here');
  stream.close();
  await once(stream, 'close');
  sockets.close();
});

it('the limits of the server are the documented ones', async () => {
  const { server } = await start();
  const { requestTimeout, headersTimeout } = server;
  expect({ requestTimeout, headersTimeout }).toEqual({
    requestTimeout: 15_000,
    headersTimeout: 10_000,
  });
  expect(REQUEST_LIMITS.connectionsCheckingInterval).toBe(5_000);
});
