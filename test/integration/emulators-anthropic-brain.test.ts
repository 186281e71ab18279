import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { companionBrain } from '../../emulators/anthropic/brain.ts';
import {
  startAnthropicEmulator,
  type AnthropicEmulator,
} from '../../emulators/anthropic/server.ts';

const SYSTEM = 'You are a warm companion on the telephone. You are talking with Margaret, 82.';

let emulator: AnthropicEmulator;
let client: Anthropic;

beforeAll(async () => {
  emulator = await startAnthropicEmulator({ script: { firstTokenMs: 1, tokensPerSecond: 5_000 } });
  client = new Anthropic({ apiKey: 'k', baseURL: emulator.url, maxRetries: 0 });
});

afterAll(async () => {
  await emulator.close();
});

/** Talks through the SDK, keeping the history, and returns the replies. */
async function converse(lines: readonly string[]): Promise<string[]> {
  const messages: Anthropic.MessageParam[] = [];
  const replies: string[] = [];
  for (const line of lines) {
    messages.push({ role: 'user', content: line });
    const message = await client.messages
      .stream({
        model: 'claude-haiku-5-5',
        max_tokens: 300,
        thinking: { type: 'disabled' },
        system: SYSTEM,
        messages,
      })
      .finalMessage();
    const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    replies.push(text);
    messages.push({ role: 'assistant', content: text });
  }
  return replies;
}

describe('the companion', () => {
  it.each([
    ['My garden is full of roses this year', /garden|grew|patient|smell/i],
    ['My grandson won his football match', /proud|grand/i],
    ['I slipped in the bathroom yesterday, but never mind', /hurt|fall/i],
    ['I already took my blood pressure pills', /breakfast|routine|list/i],
    ['Nobody calls me, I am so lonely', /glad|quiet|here/i],
    ['It has been raining since Monday, such awful weather', /weather|outside/i],
    ['Wait', /go ahead/i],
    ['Well, I had better let you go, goodbye dear', /goodbye/i],
    ['Me caí ayer en la cocina', /duele|caído/i],
    ['Hola, buenos días', /Hola/],
    ['My chest feels heavy', /nine one one|ambulance/i],
    ['Well I had a bit of a tumble on the back step', /hurt|fall/i],
    ['No, it was Saturday, not Sunday', /right|wrong/i],
    ['Hold on, that blue one is older', /go ahead|listening/i],
    ['Are you a robot?', /AI companion/],
  ])('answers "%s" to the point', async (line, expected) => {
    const [reply] = await converse([line]);
    expect(reply).toMatch(expected);
    expect((reply!.match(/\?/g) ?? []).length).toBeLessThanOrEqual(1);
    expect(reply!.split(/(?<=[.!?])\s/).length).toBeLessThanOrEqual(4);
  });

  it('does not take falling asleep, or not falling, for a fall', async () => {
    const replies = await converse(["I didn't fall, don't worry", 'I fell asleep in my chair']);
    for (const reply of replies) expect(reply).not.toMatch(/hurt/i);
  });

  it('uses the name from the prompt, and not in every sentence', async () => {
    const replies = await converse(['Hello there', 'I made a cake', 'It rained a lot today']);
    expect(replies[0]).toContain('Margaret');
    expect(replies.filter((reply) => reply.includes('Margaret')).length).toBeLessThan(3);
  });

  it('never says the same thing twice running, whatever the caller does', async () => {
    const replies = await converse(Array.from({ length: 12 }, () => 'the blue one by the window'));
    replies.forEach((reply, i) => expect(reply).not.toBe(replies[i - 1]));
    const wait = await converse(['wait', 'wait', 'wait', 'wait', 'wait']);
    wait.forEach((reply, i) => expect(reply).not.toBe(wait[i - 1]));
  });

  it('turns round what it does not know', async () => {
    const [reply] = await converse(['So I walked to my old school']);
    expect(reply).toMatch(/you walked to your old school/);
  });

  it('says it again when asked', async () => {
    const [first, second] = await converse(['Hello', 'Pardon? What did you say?']);
    expect(second).toContain(first);
  });

  it('does not hear guidance as words of the caller', async () => {
    const [reply] = await converse(['<guidance>Ask about the fall: I fell.</guidance> Hello']);
    expect(reply).toMatch(/^Hello/);
  });

  it('asks its table first, and hands structured requests to the hook', async () => {
    emulator.setReply(
      companionBrain({
        table: [{ match: /apples/i, reply: 'Apples it is.', times: 1 }],
        structured: () => '{"memories":[]}',
      }),
    );
    const replies = await converse(['I like apples', 'I like apples']);
    expect(replies[0]).toBe('Apples it is.');
    expect(replies[1]).not.toBe('Apples it is.');
    const message = await client.messages.create({
      model: 'claude-haiku-5-5',
      max_tokens: 300,
      thinking: { type: 'disabled' },
      system: 'Extract memories. Respond with JSON only.',
      messages: [{ role: 'user', content: 'transcript' }],
    });
    expect(message.content).toMatchObject([{ text: '{"memories":[]}' }]);
  });
});
