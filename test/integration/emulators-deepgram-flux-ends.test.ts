import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDeepgramEmulator, type DeepgramEmulator } from '../../emulators/deepgram/server.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { WebSocket } from 'ws';
import {
  closeSessions,
  connectFlux,
  isEvent,
  play,
  type FluxOptions,
  type Session,
} from '../helpers/flux-session.ts';

let emulator: DeepgramEmulator;
let walk: Utterance;

beforeAll(async () => {
  walk = await buildUtterance([
    { say: 'I went to the' },
    { pauseMs: 1_000 },
    { say: 'market, early this morning.' },
  ]);
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

describe('Flux ends connections as the vendor does', () => {
  test('CloseStream brings the rest as Updates, no EndOfTurn, and 1005', async () => {
    const session = await connected();
    play(session, walk.mulaw);
    session.flux.sendCloseStream({ type: 'CloseStream' });
    expect(await session.untilClosed()).toBe(1005);
    expect(session.messages.at(-1)).toMatchObject({ event: 'Update', transcript: walk.text });
    expect(session.messages.some(isEvent('EndOfTurn'))).toBe(false);
  });

  test('KeepAlive kills the connection', async () => {
    const session = await connected();
    (session.flux.socket as unknown as { send(text: string): void }).send('{"type":"KeepAlive"}');
    expect(await session.untilClosed()).toBe(1005);
    expect(session.messages.at(-1)).toMatchObject({
      type: 'Error',
      code: 'UNPARSABLE_CLIENT_MESSAGE',
    });
  });

  test('ForceEndTurn is refused unless the account has it', async () => {
    const session = await connected();
    session.flux.sendForceEndTurn({ type: 'ForceEndTurn' });
    await session.untilClosed();
    expect(session.messages.at(-1)).toMatchObject({ code: 'UNPARSABLE_CLIENT_MESSAGE' });

    await emulator.close();
    emulator = await startDeepgramEmulator({ apiKey: 'right-key', forceEndTurn: true });
    const allowed = await connected();
    play(allowed, walk.mulaw);
    allowed.flux.sendForceEndTurn({ type: 'ForceEndTurn' });
    expect(await allowed.until(isEvent('EndOfTurn'))).toMatchObject({
      trigger: 'manual',
      transcript: walk.text,
    });
  });

  test('an empty binary frame ends the connection', async () => {
    const session = await connected();
    session.flux.sendMedia(new Uint8Array());
    expect(await session.untilClosed()).toBe(1005);
  });

  test('a client that sends no audio is told INACTIVE_CLIENT', async () => {
    await emulator.close();
    emulator = await startDeepgramEmulator({ inactivityMs: 150 });
    const session = await connected();
    expect(await session.untilClosed()).toBe(1005);
    expect(session.messages.at(-1)).toMatchObject({ type: 'Error', code: 'INACTIVE_CLIENT' });
  });

  test('a wrong key is refused with 401, dg-error and a body, and is not logged', async () => {
    const session = await connectFlux(emulator.url, {}, 'wrong-key');
    await expect(session.flux.waitForOpen()).rejects.toBeDefined();
    expect(session.messages).toEqual([]);
    const answer = await upgradeAnswer('/v2/listen?model=flux-general-en', 'Token wrong-key');
    expect(answer.status).toBe(401);
    expect(answer.headers['dg-error']).toBe('Invalid credentials.');
    expect(JSON.parse(answer.body)).toMatchObject({ err_code: 'INVALID_AUTH' });
    expect(JSON.stringify(emulator.log.entries)).not.toContain('wrong-key');
  });

  test.each([
    'model=flux-general-en',
    'model=nova-3&encoding=mulaw&sample_rate=8000',
    'model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_threshold=0.4',
    'model=flux-general-en&encoding=mulaw&sample_rate=8000&eager_eot_threshold=0.95',
    'model=flux-general-en&encoding=mulaw&sample_rate=8000&eot_timeout_ms=soon',
    'model=flux-general-en&encoding=mulaw&sample_rate=8000&language_hint=es',
    'model=flux-general-en&encoding=mulaw&sample_rate=8000&interim_results=true',
  ])('a query of %s is refused with 400', async (query) => {
    const answer = await upgradeAnswer(`/v2/listen?${query}`, 'Token right-key');
    expect(answer.status).toBe(400);
    expect(answer.headers['dg-error']).toBeTruthy();
  });
});

type UpgradeAnswer = { status: number; headers: Record<string, unknown>; body: string };

/** What a refused upgrade says, which the SDK does not tell. */
async function upgradeAnswer(path: string, authorization: string): Promise<UpgradeAnswer> {
  const socket = new WebSocket(emulator.wsUrl + path, { headers: { authorization } });
  return await new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('the upgrade was accepted')));
    socket.on('error', reject);
    socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body }),
      );
    });
  });
}
