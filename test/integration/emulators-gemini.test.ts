import { GoogleGenAI, ThinkingLevel } from '@google/genai';
import type { Content, GenerateContentConfig, GenerateContentResponse } from '@google/genai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startGeminiEmulator, type GeminiEmulator } from '../../emulators/gemini/server.ts';

const MODEL = 'gemini-3.5-flash-lite';
const FAST = { firstTokenMs: 10, tokensPerSecond: 500 };
const TOOL = {
  functionDeclarations: [
    {
      name: 'remember',
      description: 'Remembers a fact.',
      parametersJsonSchema: { type: 'object', properties: { fact: { type: 'string' } } },
    },
  ],
};

let emulator: GeminiEmulator;
let client: GoogleGenAI;

beforeEach(async () => {
  emulator = await startGeminiEmulator({ apiKey: 'key', script: FAST });
  client = clientOf('key');
});

afterEach(async () => {
  await emulator.close();
});

function clientOf(apiKey: string, apiVersion?: string): GoogleGenAI {
  return new GoogleGenAI({
    apiKey,
    ...(apiVersion === undefined ? {} : { apiVersion }),
    httpOptions: { baseUrl: emulator.url },
  });
}

const user = (text: string): Content => ({ role: 'user', parts: [{ text }] });

async function chunksOf(
  contents: Content[],
  config: GenerateContentConfig = {},
  model = MODEL,
): Promise<GenerateContentResponse[]> {
  const chunks: GenerateContentResponse[] = [];
  const stream = await client.models.generateContentStream({ model, contents, config });
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function partsOf(chunks: readonly GenerateContentResponse[]) {
  return chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
}

function textOf(chunks: readonly GenerateContentResponse[]): string {
  return partsOf(chunks)
    .map((part) => part.text ?? '')
    .join('');
}

async function refusal(
  contents: unknown,
  config: GenerateContentConfig = {},
  model = MODEL,
): Promise<string> {
  const error: unknown = await chunksOf(contents as Content[], config, model).catch(
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(Error);
  return String(error);
}

describe('an answer', () => {
  it('comes token by token at the scripted pace, ends with its reason and its counts', async () => {
    emulator.script.firstTokenMs = 60;
    emulator.script.tokensPerSecond = 100;
    emulator.setReply(() => 'The tide is out this morning.');
    const startedAt = performance.now();
    const chunks = await chunksOf([user('Hello')]);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(60 + 5 * 10);
    expect(textOf(chunks)).toBe('The tide is out this morning.');
    expect(chunks).toHaveLength(7);
    expect(chunks.map((chunk) => chunk.candidates?.[0]?.finishReason)).toEqual([
      ...Array.from({ length: 6 }, () => undefined),
      'STOP',
    ]);
    const counts = chunks.map((chunk) => chunk.usageMetadata?.candidatesTokenCount);
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 6]);
    const last = chunks.at(-1)!;
    expect(last.usageMetadata?.totalTokenCount).toBe(last.usageMetadata!.promptTokenCount! + 6);
    expect(last.modelVersion).toBe(MODEL);
    const [first] = emulator.log.all('first-token');
    expect(first!.waitMs).toBeGreaterThanOrEqual(60);
    expect(first!.scriptedMs).toBeCloseTo(60);
    expect(emulator.log.all('complete')).toMatchObject([{ tokensSent: 6, stopReason: 'STOP' }]);
  });

  it('may come in larger chunks, the first token still alone', async () => {
    emulator.script.chunkTokens = 4;
    emulator.setReply(() => 'One two three four five six seven.');
    const chunks = await chunksOf([user('Count')]);
    const texts = partsOf(chunks).map((part) => part.text);
    expect(texts).toEqual(['One', ' two three four five', ' six seven.', '']);
  });

  it('is spoken by the same companion as the other models', async () => {
    const chunks = await chunksOf([user('My roses are doing well.')], {
      systemInstruction: 'You are talking with Margaret.',
    });
    expect(textOf(chunks)).toMatch(/garden sounds like a real joy, Margaret/);
    expect(emulator.log.all('request')).toMatchObject([
      { userText: 'My roses are doing well.', systemText: 'You are talking with Margaret.' },
    ]);
  });

  it('is cut at the limit of tokens, and at a stop sequence', async () => {
    emulator.setReply(() => 'One two three four five.');
    const short = await chunksOf([user('Count')], { maxOutputTokens: 2 });
    expect(textOf(short)).toBe('One two');
    expect(short.at(-1)?.candidates?.[0]?.finishReason).toBe('MAX_TOKENS');
    const stopped = await chunksOf([user('Count')], { stopSequences: [' four'] });
    expect(textOf(stopped)).toBe('One two three');
    expect(stopped.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP');
  });

  it('can be refused as such, and so can the prompt', async () => {
    emulator.setReply(() => ({ blocks: [], stopReason: 'refusal' }));
    const [refused] = await chunksOf([user('Hm')]);
    expect(refused?.candidates?.[0]?.finishReason).toBe('SAFETY');
    emulator.setReply(() => ({ blocks: [], blockReason: 'PROHIBITED_CONTENT' }));
    const [blocked] = await chunksOf([user('Hm')]);
    expect(blocked?.candidates).toBeUndefined();
    expect(blocked?.promptFeedback?.blockReason).toBe('PROHIBITED_CONTENT');
  });

  it('is wanted no more when the client leaves', async () => {
    emulator.setReply(() => 'word '.repeat(500).trim());
    const abort = new AbortController();
    const stream = await client.models.generateContentStream({
      model: MODEL,
      contents: [user('Talk')],
      config: { abortSignal: abort.signal },
    });
    for await (const _ of stream) {
      abort.abort();
      break;
    }
    const aborted = await emulator.log.waitFor((entry) => entry.what === 'aborted');
    expect(aborted).toMatchObject({ plannedTokens: 500 });
    expect(emulator.log.all('complete')).toEqual([]);
  });

  it('has its prompt cached when a longer one begins the same way', async () => {
    const config = { systemInstruction: 'Rules. '.repeat(900) };
    const [first] = await chunksOf([user('Hello')], config);
    expect(first?.usageMetadata?.cachedContentTokenCount).toBeUndefined();
    const history = [user('Hello'), { role: 'model', parts: [{ text: 'Hi.' }] }, user('And?')];
    const [second] = await chunksOf(history, config);
    expect(second!.usageMetadata!.cachedContentTokenCount).toBeGreaterThan(1_500);
  });
});

describe('thinking', () => {
  it('is off for the light model, on for others, and off at the lowest level', async () => {
    emulator.setReply(() => 'Yes.');
    const thoughts = async (model: string, config: GenerateContentConfig = {}) => {
      const chunks = await chunksOf([user('Hm?')], config, model);
      expect(textOf(chunks)).toBe('Yes.');
      return chunks.at(-1)?.usageMetadata?.thoughtsTokenCount ?? 0;
    };
    const level = (thinkingLevel: ThinkingLevel) => ({ thinkingConfig: { thinkingLevel } });
    expect(await thoughts(MODEL)).toBe(0);
    expect(await thoughts(MODEL, level(ThinkingLevel.LOW))).toBe(30);
    expect(await thoughts('gemini-3.8-flash')).toBe(30);
    expect(await thoughts('gemini-3.8-flash', level(ThinkingLevel.MINIMAL))).toBe(0);
    expect(await thoughts('gemini-2.5-flash', { thinkingConfig: { thinkingBudget: 0 } })).toBe(0);
    expect(await refusal([user('Hm?')], level(ThinkingLevel.LOW), 'gemini-2.5-flash')).toMatch(
      /not supported/,
    );
  });

  it('delays the first word, and is shown to who asks for it', async () => {
    emulator.script.tokensPerSecond = 200;
    emulator.setReply(() => 'Yes.');
    const thinkingConfig = { includeThoughts: true };
    const chunks = await chunksOf([user('Hm?')], { thinkingConfig }, 'gemini-3.8-flash');
    const parts = partsOf(chunks);
    expect(parts.filter((part) => part.thought === true)).toHaveLength(30);
    expect(parts.find((part) => part.thought !== true)?.text).toBe('Yes.');
    await chunksOf([user('Hm?')], {}, 'gemini-3.8-flash');
    expect(emulator.log.all('first-token').at(-1)!.waitMs).toBeGreaterThanOrEqual(10 + 30 * 5);
  });
});

describe('function calls', () => {
  beforeEach(() => {
    emulator.setReply((request) =>
      request.messages.at(-1)?.content[0]?.type === 'tool_result'
        ? 'Noted.'
        : {
            blocks: [
              { type: 'tool_use', name: 'remember', input: { fact: 'a cat' } },
              { type: 'tool_use', name: 'remember', input: { fact: 'a dog' } },
            ],
          },
    );
  });

  it('come whole, the first of them signed, and are answered', async () => {
    const warn = vi.spyOn(console, 'warn');
    const asked = user('I have a cat and a dog.');
    const chunks = await chunksOf([asked], { tools: [TOOL] });
    const calls = partsOf(chunks).filter((part) => part.functionCall !== undefined);
    expect(calls.map((part) => part.functionCall?.args)).toEqual([
      { fact: 'a cat' },
      { fact: 'a dog' },
    ]);
    expect(calls.map((part) => part.thoughtSignature !== undefined)).toEqual([true, false]);
    expect(chunks.at(-1)?.candidates?.[0]?.finishReason).toBe('STOP');
    const answers = calls.map((part) => ({
      functionResponse: {
        name: 'remember',
        id: part.functionCall?.id ?? '',
        response: { output: 'ok' },
      },
    }));
    const history = [asked, { role: 'model', parts: calls }, { role: 'user', parts: answers }];
    expect(textOf(await chunksOf(history, { tools: [TOOL] }))).toBe('Noted.');
    // Reading the parts, not `chunk.text`, keeps the SDK quiet.
    expect(warn).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  it('must come back signed, in order and all of them answered', async () => {
    const call = { functionCall: { name: 'remember', args: {} } };
    const signed = { ...call, thoughtSignature: 'skip_thought_signature_validator' };
    const answer = { functionResponse: { name: 'remember', response: { output: 'ok' } } };
    const turn = (parts: object[], answers: object[]) => [
      user('Hello'),
      { role: 'model', parts },
      { role: 'user', parts: answers },
    ];
    const config = { tools: [TOOL] };
    expect(await refusal(turn([call], [answer]), config)).toMatch(/missing a thought_signature/);
    expect(await refusal(turn([signed], [{ text: 'so?' }]), config)).toMatch(/number of function/);
    expect(await refusal(turn([{ text: 'hm' }], [answer]), config)).toMatch(/response turn comes/);
    const foreign = { ...call, thoughtSignature: 'bm90IG91cnM=' };
    expect(await refusal(turn([foreign], [answer]), config)).toMatch(/Corrupted thought/);
    expect(await refusal([{ role: 'model', parts: [signed] }], config)).toMatch(/call turn comes/);
    expect(textOf(await chunksOf(turn([signed], [answer]), config))).toBe('Noted.');
    // What was called in an earlier turn, and what an older model calls, goes unsigned.
    const later = [...turn([call], [answer]), { role: 'model', parts: [{ text: 'Noted.' }] }];
    await chunksOf([...later, user('And?')], config);
    await chunksOf(turn([call], [answer]), config, 'gemini-2.5-flash');
  });
});

describe('a request', () => {
  it('is read strictly', async () => {
    expect(await refusal([{ role: 'user', parts: [] }])).toMatch(/parts must not be empty/);
    expect(await refusal([{ role: 'assistant', parts: [{ text: 'x' }] }])).toMatch(/valid role/);
    expect(await refusal([{ role: 'user', parts: [{}] }])).toMatch(/one initialized field/);
    expect(await refusal([user('x'), { role: 'model', parts: [{ text: 'y' }] }])).toMatch(
      /last input turn has the model role/,
    );
    expect(await refusal([user('x')], { presencePenalty: 1 })).toMatch(/Penalty is not enabled/);
    expect(await refusal([user('x')], { maxOutputTokens: 100_000 })).toMatch(/supported range/);
    expect(await refusal([user('x')], {}, 'gpt-5')).toMatch(/"code":404/);
    const twice = [...TOOL.functionDeclarations, ...TOOL.functionDeclarations];
    expect(await refusal([user('x')], { tools: [{ functionDeclarations: twice }] })).toMatch(
      /Duplicate function/,
    );
    expect(emulator.log.all('rejected')).toHaveLength(8);
    expect(emulator.log.all('request')).toEqual([]);
  });

  it('is accepted under both versions of the interface, and nowhere else', async () => {
    emulator.setReply(() => 'Yes.');
    for (const version of ['v1', 'v1beta']) {
      client = clientOf('key', version);
      expect(textOf(await chunksOf([user('Hello')]))).toBe('Yes.');
    }
    expect(emulator.log.all('request').map((entry) => entry.apiVersion)).toEqual(['v1', 'v1beta']);
    client = clientOf('key', 'v2');
    expect(await refusal([user('Hello')])).toMatch(/NOT_FOUND/);
  });

  it('needs a key, and a wrong one is named only in the details', async () => {
    client = clientOf('wrong');
    const wrong = await refusal([user('Hello')]);
    expect(wrong).toMatch(/"code":400/);
    expect(wrong).toMatch(/API_KEY_INVALID/);
    const keyless = await fetch(
      `${emulator.url}/v1/models/${MODEL}:streamGenerateContent?alt=sse`,
      { method: 'POST', body: '{}' },
    );
    expect(keyless.status).toBe(403);
  });

  it('over raw HTTP: bare data lines, and broken JSON is refused', async () => {
    emulator.setReply(() => 'Yes.');
    const post = async (body: string) =>
      await fetch(`${emulator.url}/v1beta/models/${MODEL}:streamGenerateContent?alt=sse`, {
        method: 'POST',
        headers: { 'x-goog-api-key': 'key' },
        body,
      });
    const answer = await (await post(JSON.stringify({ contents: [user('Hello')] }))).text();
    const lines = answer.split('\r\n').filter((line) => line !== '');
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(JSON.parse(line.replace(/^data: /, ''))).toBeTypeOf('object');
    expect((await post('{"contents":')).status).toBe(400);
    expect((await post('{"contents":[],"model":"x"}')).status).toBe(400);
  });
});
