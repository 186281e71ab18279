import { Agent, get, type RequestListener } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { bind, createHttpServer, unbind } from '../../src/http-server.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map(async (close) => close()));
});

async function serve(onRequest: RequestListener): Promise<number> {
  const server = createHttpServer(onRequest);
  const port = await bind(server, { port: 0, calls: 10 });
  closers.push(async () => unbind(server));
  return port;
}

describe('a client that does not wait for answers', () => {
  it('has a few of its requests taken, then loses its connection', async () => {
    let taken = 0;
    const port = await serve((_request, response) => {
      taken += 1;
      setImmediate(() => response.end('ok'));
    });
    const socket = connect(port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined).resume();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2_000));
    await closed;
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThanOrEqual(30);
  });

  it('is not one that asks often, whose every request is answered', async () => {
    const port = await serve((_request, response) => void response.end('ok'));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    closers.push(async () => agent.destroy());
    const ask = async (): Promise<number> =>
      await new Promise((resolve, reject) => {
        get({ port, host: '127.0.0.1', agent }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0));
        }).once('error', reject);
      });
    for (let asked = 0; asked < 100; asked += 1) expect(await ask()).toBe(200);
  });
});
