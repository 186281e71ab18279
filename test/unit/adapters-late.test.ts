import { describe, expect, it } from 'vitest';
import { Late, lateLlm, lateTelephony } from '../../adapters/late.ts';
import type { LlmEvent, LlmRequest, LlmVendor } from '../../adapters/llm/port.ts';

const REQUEST: LlmRequest = {
  system: [],
  messages: [],
  tools: [],
  maxTokens: 1,
  firstTokenTimeoutMs: 1_000,
  stallTimeoutMs: 1_000,
  signal: new AbortController().signal,
};

async function* sayHello(): AsyncGenerator<LlmEvent, void, undefined> {
  yield { kind: 'text', text: 'Hello' };
}

async function textsOf(stream: AsyncIterable<LlmEvent>): Promise<string[]> {
  const texts: string[] = [];
  for await (const event of stream) if (event.kind === 'text') texts.push(event.text);
  return texts;
}

describe('vendors whose SDK is loaded late', () => {
  it('loads once, for everybody who asks meanwhile, and not before anybody asks', async () => {
    let loads = 0;
    const late = new Late(async () => {
      loads += 1;
      return 'value';
    });
    expect(late.loaded).toBeUndefined();
    expect(loads).toBe(0);
    expect(await Promise.all([late.get(), late.get()])).toEqual(['value', 'value']);
    expect(await late.get()).toBe('value');
    expect(loads).toBe(1);
    expect(late.loaded).toBe('value');
  });

  it('a caller who comes before the SDK waits for it and hears the whole answer', async () => {
    const loading = Promise.withResolvers<LlmVendor>();
    const vendor = lateLlm('claude', new Late(async () => await loading.promise));
    const texts = textsOf(vendor.stream(REQUEST));
    loading.resolve({ vendor: 'claude', stream: sayHello });
    expect(await texts).toEqual(['Hello']);
  });

  it('behind a loaded SDK its own stream is handed out', async () => {
    const stream = sayHello();
    const late = new Late<LlmVendor>(async () => ({ vendor: 'claude', stream: () => stream }));
    await late.get();
    expect(lateLlm('claude', late).stream(REQUEST)).toBe(stream);
  });

  it('an SDK that cannot be loaded is told to everybody who needs it', async () => {
    const broken = new Error('no such module');
    const vendor = lateTelephony(
      new Late(async () => {
        throw broken;
      }),
    );
    await expect(vendor.hangUp('CA1')).rejects.toBe(broken);
    await expect(vendor.hangUp('CA2')).rejects.toBe(broken);
  });
});
