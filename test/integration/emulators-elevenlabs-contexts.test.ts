import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';
import { closeClients, connectVoice, heardText } from '../helpers/elevenlabs-client.ts';

const FIRST = 'Good morning, Margaret. ';
const SECOND = 'How are the roses today? ';
const THIRD = 'Shall we talk about the garden? ';

let emulator: ElevenLabsEmulator;

beforeAll(async () => {
  const warm = await startElevenLabsEmulator();
  await warm.prepare([FIRST, SECOND, THIRD]);
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startElevenLabsEmulator({ apiKey: 'key' });
});

afterEach(async () => {
  closeClients();
  await emulator.close();
});

const connect = (query?: string, headers?: Record<string, string>) =>
  connectVoice(emulator.wsUrl, 'multi-stream-input', query, headers);

describe('the multi-context socket', () => {
  it('keeps contexts apart, each with its own words', async () => {
    const client = await connect();
    for (const [id, text] of [
      ['a', FIRST],
      ['b', SECOND],
    ] as const) {
      client.send({ text: ' ', context_id: id });
      client.send({ text, context_id: id });
    }
    client.send({ context_id: 'a', flush: true });
    client.send({ context_id: 'b', text: THIRD, flush: true });
    client.send({ context_id: 'a', close_context: true });
    client.send({ context_id: 'b', close_context: true });
    await client.until((m) => m.isFinal === true && m.contextId === 'a');
    await client.until((m) => m.isFinal === true && m.contextId === 'b');
    expect(heardText(client.audio('a'))).toBe(FIRST.trim());
    expect(heardText(client.audio('b'))).toBe((SECOND + THIRD).trim());
    expect(client.messages.filter((m) => m.isFinal === true)).toEqual([
      { isFinal: true, contextId: 'a' },
      { isFinal: true, contextId: 'b' },
    ]);
  });

  it('drops unflushed text on close, and lets a flush in progress arrive late', async () => {
    const client = await connect();
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ text: SECOND, context_id: 'a' });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    expect(heardText(client.audio())).toBe(FIRST.trim());
    expect(emulator.log.all('audio').every((a) => a.late)).toBe(true);
    expect(emulator.log.all('context-closing')[0]!.unspokenText).toBe(SECOND);
  });

  it('can be told to discard what had not left when a context closes', async () => {
    emulator.script.afterClose = 'discard';
    const client = await connect();
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    expect(client.audio()).toHaveLength(0);
  });

  it('closes the whole socket on the sixth context', async () => {
    const client = await connect();
    for (let i = 1; i <= 5; i += 1) client.send({ text: ' ', context_id: `c${i}` });
    // An unknown context is opened by a flush, too.
    client.send({ context_id: 'c6', flush: true });
    const { code, reason } = await client.closed;
    expect(code).toBe(1008);
    expect(reason).toMatch(/^Maximum simultaneous contexts/);
    expect(client.messages.at(-1)).toMatchObject({ error: 'max_active_conversations', code: 1008 });
  });

  it('counts a closing context until its final message', async () => {
    emulator.script.finalDelayMs = 150;
    const client = await connect();
    for (let i = 1; i <= 5; i += 1) client.send({ text: ' ', context_id: `c${i}` });
    client.send({ context_id: 'c1', close_context: true });
    await client.until((m) => m.isFinal === true);
    client.send({ text: ' ', context_id: 'c6' });
    await emulator.log.waitFor((e) => e.what === 'context-opened' && e.contextId === 'c6');
    client.send({ context_id: 'c2', close_context: true });
    client.send({ text: ' ', context_id: 'c7' });
    expect((await client.closed).code).toBe(1008);
  });

  it('reuses a context id for an unrelated context', async () => {
    const client = await connect();
    for (const text of [FIRST, SECOND]) {
      client.send({ text: ' ', context_id: 'a' });
      client.send({ text, context_id: 'a', flush: true });
      client.send({ context_id: 'a', close_context: true });
    }
    await emulator.log.waitFor(() => emulator.log.all('context-final').length === 2);
    expect(emulator.log.all('context-opened')).toHaveLength(2);
  });

  it('times out the context that is not fed, unless kept alive', async () => {
    const client = await connect('&inactivity_timeout=0.5');
    client.send({ text: ' ', context_id: 'fed' });
    client.send({ text: ' ', context_id: 'starved' });
    const keepAlive = setInterval(() => client.send({ text: '', context_id: 'fed' }), 100);
    expect((await client.closed).code).toBe(1008);
    clearInterval(keepAlive);
    expect(client.messages.at(-1)).toMatchObject({
      error: 'input_timeout_exceeded',
      contextId: 'starved',
      code: 1008,
    });
  });

  it('flushes every context on close_socket', async () => {
    const client = await connect();
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a' });
    client.send({ close_socket: true });
    expect((await client.closed).code).toBe(1000);
    expect(heardText(client.audio('a'))).toBe(FIRST.trim());
    expect(client.messages.at(-1)).toEqual({ isFinal: true, contextId: 'a' });
  });

  it('spells the key of the first message with underscores', async () => {
    const good = await connect('', {});
    good.send({ text: ' ', context_id: 'a', xi_api_key: 'key' });
    await emulator.log.waitFor((e) => e.what === 'context-opened');
    const bad = await connect('', {});
    bad.send({ text: ' ', context_id: 'a', 'xi-api-key': 'key' });
    expect((await bad.closed).code).toBe(1008);
  });

  it('refuses what is not a message', async () => {
    for (const data of ['{', '[]', '{"text":7}', '{"flush":"yes"}']) {
      const client = await connect();
      client.socket.send(data);
      expect((await client.closed).code).toBe(1008);
      expect(client.messages.at(-1)).toMatchObject({ error: 'invalid_input_message' });
    }
  });

  it('stops when the quota is spent', async () => {
    const poor = await startElevenLabsEmulator({ quotaChars: 30 });
    const client = await connectVoice(poor.wsUrl, 'multi-stream-input');
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ text: SECOND, context_id: 'a', flush: true });
    expect((await client.closed).code).toBe(1008);
    expect(client.messages.at(-1)).toMatchObject({ error: 'quota_exceeded' });
    await poor.close();
  });
});
