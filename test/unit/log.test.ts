import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { ConfigError, VendorError } from '../../src/errors.ts';
import { createLogger, type LogFields, safeError, safeFields } from '../../src/log.ts';

function capture(level: Parameters<typeof createLogger>[0] = 'trace') {
  const lines: string[] = [];
  const log = createLogger(level, { write: (line) => void lines.push(line) });
  const last = () => JSON.parse(lines.at(-1) ?? '{}') as Record<string, unknown>;
  return { log, lines, last };
}

/** Fields as a careless caller could pass them, past the type checker. */
function careless(fields: Record<string, unknown>): LogFields {
  return fields as LogFields;
}

describe('what gets in', () => {
  test('ids, code words, small numbers, flags and masked numbers are written', () => {
    const { log, last } = capture();
    const fields = {
      callSid: 'CA0123456789abcdef0123456789abcdef',
      personId: '5f0c2b8e-3c9b-4f53-8a56-0d9c0a8f2b11',
      vendor: 'elevenlabs-socket',
      model: 'claude-haiku-4-5-20251001',
      route: '/voice/answer',
      status: 503,
      firstByteMs: 181.25,
      payloadBytes: 640,
      droppedCount: 3,
      resumed: true,
      variables: ['REDIS_URL'],
    } satisfies LogFields;
    log.warn('vendor is slow', fields);
    expect(last()).toMatchObject({ ...fields, level: 40, message: 'vendor is slow' });
    expect(last()).not.toHaveProperty('dropped');
  });

  test('a child carries its fields on every line', () => {
    const { log, last } = capture();
    log.child({ component: 'media-socket' }).child({ callSid: 'CA1' }).info('stream started');
    expect(last()).toMatchObject({ component: 'media-socket', callSid: 'CA1' });
  });

  test('lines below the level are not written', () => {
    const { log, lines } = capture('warn');
    log.info('not this one');
    log.error('this one');
    expect(lines).toHaveLength(1);
    const silent = capture('silent');
    silent.log.fatal('nothing at all');
    expect(silent.lines).toEqual([]);
  });

  test('a message must be a literal in the source', () => {
    const { log } = capture();
    const said: string = ['I fell in the', 'kitchen'].join(' ');
    // @ts-expect-error: a computed string could hold anything.
    log.info(said);
    // @ts-expect-error: a field that nobody listed.
    log.info('turn committed', { transcript: 'x' });
    expectTypeOf(log.info).toBeFunction();
  });
});

describe('what does not', () => {
  const secrets: Record<string, unknown> = {
    authorization: 'Bearer sk-ant-secret-0001',
    headers: { authorization: 'Token dg-secret-0002', cookie: 'session=secret-0003' },
    phone: '+4915112345678',
    number: '+4915112345678',
    to: '+4915112345678',
    transcript: 'my daughter Margaret took my pills',
    text: 'my daughter Margaret took my pills',
    reason: 'my daughter Margaret took my pills',
    category: '4915112345678',
    callSid: '4915112345678',
    requestId: '4915112345678',
    status: 4_915_112_345_678,
    atMs: 4_915_112_345_678,
    code: 'sk-ant-secret-0001',
    resumed: 'Margaret',
    variables: ['Margaret took'],
    'Margaret +4915112345678': 1,
  };

  test('a careless caller leaves the names of the fields behind, and nothing else', () => {
    const { log, lines, last } = capture();
    log.info('careless', careless(secrets));
    log.child(careless(secrets)).info('careless child');
    const written = lines.join('\n');
    for (const trace of ['secret', 'Margaret took', 'pills', '4915112345678', 'Bearer']) {
      expect(written).not.toContain(trace);
    }
    expect(last()['dropped']).toContain('transcript');
    expect(last()['dropped']).toContain('authorization');
  });

  test.each(Object.keys(secrets))('%s on its own', (name) => {
    expect(Object.keys(safeFields({ [name]: secrets[name] }))).toEqual(['dropped']);
  });

  test("a vendor error's text, body and request stay out; its class, codes and place get in", () => {
    const body = '{"error":"no voice for +4915112345678, key xi-secret"}';
    const vendor = Object.assign(new TypeError(`400 ${body}`), {
      status: 400,
      code: 'ERR_BAD_REQUEST',
      body,
      request: { headers: { authorization: 'Bearer secret' } },
    });
    const { log, lines, last } = capture();
    log.error('vendor failed', { error: new Error(`wrapped: ${body}`, { cause: vendor }) });
    expect(lines[0]).not.toMatch(/secret|49151|voice for|Bearer/);
    expect(last()['error']).toMatchObject({
      name: 'Error',
      cause: { name: 'TypeError', status: 400, code: 'ERR_BAD_REQUEST' },
    });
    const { stack } = last()['error'] as { stack: string[] };
    expect(stack[0]).toContain('log.test.ts');
  });

  test('the texts of our own errors get in, those of their causes do not', () => {
    const error = new VendorError('claude', 'auth', {
      status: 401,
      cause: new Error('invalid x-api-key sk-ant-secret'),
    });
    const safe = safeError(error);
    expect(safe).toMatchObject({ name: 'VendorError', message: 'claude: auth (401)', status: 401 });
    expect(JSON.stringify(safe)).not.toContain('secret');
    expect(safeError(new ConfigError(['PORT must be a number'])).message).toContain('PORT');
  });

  test('a text that imitates a stack frame is not taken for one', () => {
    const error = new Error('x\n    at Margaret (/her/pills:1:1)');
    expect(JSON.stringify(safeError(error))).not.toContain('Margaret');
    error.message = 'changed afterwards';
    expect(JSON.stringify(safeError(error))).not.toContain('Margaret');
  });

  test('things thrown that are no errors are named by type only', () => {
    for (const thrown of ['Margaret', { name: 'Margaret' }, null, 4_915_112_345_678]) {
      expect(JSON.stringify(safeError(thrown))).not.toMatch(/Margaret|49151/);
    }
  });

  test('a chain of causes that bites its tail ends', () => {
    const error = new Error('a');
    error.cause = error;
    expect(JSON.stringify(safeError(error)).length).toBeLessThan(10_000);
  });

  test('no text of two words or more, under any name, is ever written', () => {
    const text = fc
      .tuple(fc.stringMatching(/^[a-z]{3,8}$/), fc.stringMatching(/^[a-z]{3,8}$/))
      .map(([a, b]) => `${a} ${b} Quxwort`);
    const name = fc.oneof(fc.constantFrom(...Object.keys(secrets)), fc.string());
    fc.assert(
      fc.property(fc.dictionary(name, fc.oneof(text, fc.array(text), fc.record({ text }))), (f) => {
        const { log, lines } = capture();
        log.info('any', careless(f));
        expect(lines[0]).not.toContain('Quxwort');
      }),
      { numRuns: 500 },
    );
  });
});
