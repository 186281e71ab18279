import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configNotices } from '../../src/config-notices.ts';
import {
  loadConfig,
  mediaStreamUrl,
  VARIABLES,
  withEmulators,
  withListeningPort,
} from '../../src/config.ts';
import { ConfigError } from '../../src/errors.ts';

const KEY_HEX = '00112233445566778899aabbccddeeff'.repeat(2);

const VENDOR_KEYS = {
  TWILIO_ACCOUNT_SID: 'AC0123456789abcdef0123456789abcdef',
  TWILIO_AUTH_TOKEN: 'twilio-token',
  TWILIO_PHONE_NUMBER: '+15005550006',
  DEEPGRAM_API_KEY: 'deepgram-key',
  ANTHROPIC_API_KEY: 'anthropic-key',
  ELEVENLABS_API_KEY: 'elevenlabs-key',
  ELEVENLABS_VOICE_ID: 'voice1',
};

const PRODUCTION = {
  ...VENDOR_KEYS,
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://line.example.org',
  DATABASE_URL: 'postgres://app@db.example.org/hearthline',
  ENCRYPTION_KEY: KEY_HEX,
};

const URLS = {
  twilio: 'http://127.0.0.1:1',
  deepgram: 'http://127.0.0.1:2',
  anthropic: 'http://127.0.0.1:3',
  elevenlabs: 'http://127.0.0.1:4',
};

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('development', () => {
  test('an empty environment runs on emulators with defaults', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      environment: 'development',
      mode: 'emulated',
      missingKeys: Object.keys(VENDOR_KEYS),
      http: { port: 8080, publicUrl: 'http://127.0.0.1:8080', publicUrlIsSet: false },
      anthropic: { model: 'claude-haiku-5-5' },
      gemini: { apiKey: undefined, model: 'gemini-3.5-flash-lite' },
      dataDir: 'data',
      logLevel: 'info',
      encryptionKeys: undefined,
    });
  });

  test('one missing vendor key is enough to stay on emulators', () => {
    for (const name of Object.keys(VENDOR_KEYS)) {
      const config = loadConfig({ ...VENDOR_KEYS, [name]: undefined });
      expect(config.mode).toBe('emulated');
      expect(config.missingKeys).toEqual([name]);
    }
  });

  test('with every key the vendors are used, over plain http where a base URL says so', () => {
    const config = loadConfig({ ...VENDOR_KEYS, DEEPGRAM_BASE_URL: 'http://10.0.0.7:9/' });
    expect(config.mode).toBe('vendors');
    expect(config.deepgram).toEqual({
      apiKey: 'deepgram-key',
      baseUrl: 'http://10.0.0.7:9',
      groupMs: 80,
    });
    expect(config.twilio.baseUrl).toBeUndefined();
  });

  test('emulators fill the base URLs, and one that was set by hand stays', () => {
    const config = withEmulators(loadConfig({ TWILIO_BASE_URL: 'http://127.0.0.1:77' }), URLS);
    expect(config.twilio.baseUrl).toBe('http://127.0.0.1:77');
    expect(config.deepgram.baseUrl).toBe(URLS.deepgram);
    expect(config.anthropic.baseUrl).toBe(URLS.anthropic);
    expect(config.elevenlabs.baseUrl).toBe(URLS.elevenlabs);
  });

  test('blank values count as not set, and blanks around a value are dropped', () => {
    const config = loadConfig({ PORT: '  ', CLAUDE_MODEL: ' claude-sonnet-5-5\n' });
    expect(config.http.port).toBe(8080);
    expect(config.anthropic.model).toBe('claude-sonnet-5-5');
  });

  test('port 0 takes the address it was given by the system, unless PUBLIC_URL is set', () => {
    const free = withListeningPort(loadConfig({ PORT: '0' }), 41_234);
    expect(free.http).toMatchObject({ port: 41_234, publicUrl: 'http://127.0.0.1:41234' });
    const TWILIO_AUTH_TOKEN = 'twilio-token';
    const set = loadConfig({ PORT: '0', PUBLIC_URL: 'https://x.example.org/', TWILIO_AUTH_TOKEN });
    expect(withListeningPort(set, 41_234).http.publicUrl).toBe('https://x.example.org');
  });

  test('who is reachable from elsewhere needs a key of their own to check signatures with', () => {
    const problem =
      'TWILIO_AUTH_TOKEN must be set, and a secret, unless PUBLIC_URL is this machine';
    const elsewhere = ['https://x.example.org', 'http://10.0.0.7:8080', 'http://0.0.0.0:8080'];
    for (const PUBLIC_URL of elsewhere) {
      for (const NODE_ENV of [undefined, 'development', 'test']) {
        expect(problemsOf({ PUBLIC_URL, NODE_ENV })).toEqual([problem]);
      }
      // The key that stands in the source is nobody's own, whatever else is set.
      const known = { ...VENDOR_KEYS, PUBLIC_URL, TWILIO_AUTH_TOKEN: 'emulated-twilio-token' };
      expect(problemsOf(known)).toEqual([problem]);
      expect(problemsOf({ PUBLIC_URL, TWILIO_AUTH_TOKEN: 'twilio-token' })).toEqual([]);
    }
    for (const PUBLIC_URL of ['http://localhost:8080', 'http://127.0.0.1:9', 'http://[::1]:9']) {
      expect(problemsOf({ PUBLIC_URL })).toEqual([]);
    }
  });

  test('the notices name what is missing', () => {
    const notices = configNotices(loadConfig({})).flatMap((notice) => notice.variables);
    for (const name of [...Object.keys(VENDOR_KEYS), 'REDIS_URL', 'DATABASE_URL']) {
      expect(notices).toContain(name);
    }
  });

  test('a notice says that Twilio cannot reach a server that has no public URL', () => {
    const reached = { ...VENDOR_KEYS, PUBLIC_URL: 'https://line.example.org' };
    const about = (env: Record<string, string>): string[] =>
      configNotices(loadConfig(env)).map(({ what }) => what);
    expect(about(VENDOR_KEYS)).toContain('unreachable');
    expect(about(reached)).not.toContain('unreachable');
    expect(about({})).not.toContain('unreachable');
  });
});

describe('production', () => {
  test('a complete environment starts', () => {
    const config = loadConfig(PRODUCTION);
    expect(config).toMatchObject({ environment: 'production', mode: 'vendors', missingKeys: [] });
    expect(config.encryptionKeys?.map((key) => key.length)).toEqual([32]);
    expect(configNotices(config)).toEqual([
      expect.objectContaining({ what: 'one-instance', variables: ['REDIS_URL'] }),
    ]);
    expect(configNotices(loadConfig({ ...PRODUCTION, REDIS_URL: 'rediss://cache:6380' }))).toEqual(
      [],
    );
  });

  test('every required variable that is missing is named, all at once', () => {
    const required = Object.keys(PRODUCTION).filter((name) => name !== 'NODE_ENV');
    const problems = problemsOf({ NODE_ENV: 'production' });
    expect(problems).toHaveLength(required.length);
    for (const name of required) {
      expect(problems).toContain(`${name} is required in production`);
      expect(problemsOf({ ...PRODUCTION, [name]: '' })).toEqual([
        `${name} is required in production`,
      ]);
    }
  });

  test('missing and malformed variables are reported together', () => {
    const problems = problemsOf({
      ...PRODUCTION,
      PORT: 'http',
      PUBLIC_URL: 'http://line.example.org',
      ANTHROPIC_API_KEY: undefined,
      DEEPGRAM_BASE_URL: 'http://deepgram.example.org',
      TWILIO_PHONE_NUMBER: '030 1234567',
      ENCRYPTION_KEY: 'short',
    });
    const names = problems.map((problem) => problem.split(' ')[0]);
    expect(new Set(names)).toEqual(
      new Set([
        'ANTHROPIC_API_KEY',
        'PORT',
        'PUBLIC_URL',
        'DEEPGRAM_BASE_URL',
        'TWILIO_PHONE_NUMBER',
        'ENCRYPTION_KEY',
      ]),
    );
  });

  test('base URLs need TLS, except on this machine', () => {
    for (const host of ['localhost:4', '127.0.0.1:4', '[::1]:4']) {
      const config = loadConfig({ ...PRODUCTION, ANTHROPIC_BASE_URL: `http://${host}` });
      expect(config.anthropic.baseUrl).toBe(`http://${host}`);
    }
    for (const host of ['127.0.0.1.example.org', 'localhost.example.org', '10.0.0.1']) {
      expect(problemsOf({ ...PRODUCTION, ANTHROPIC_BASE_URL: `http://${host}` })).toHaveLength(1);
    }
  });

  test('emulators are refused', () => {
    expect(() => withEmulators(loadConfig(PRODUCTION), URLS)).toThrow('production');
  });

  test('an unknown NODE_ENV is a problem and is held to the rules of production', () => {
    const problems = problemsOf({ NODE_ENV: 'prod' });
    expect(problems).toContain('NODE_ENV must be one of production, development, test');
    expect(problems).toContain('TWILIO_AUTH_TOKEN is required in production');
  });
});

describe('values', () => {
  const refused: [name: string, value: string][] = [
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '1e3'],
    ['PUBLIC_URL', 'ftp://x.example.org'],
    ['PUBLIC_URL', 'https://user:pass@x.example.org'],
    ['PUBLIC_URL', 'https://x.example.org/?a=1'],
    ['PUBLIC_URL', 'https:\\\\x.example.org'],
    ['PUBLIC_URL', 'x.example.org'],
    ['DATABASE_URL', 'mysql://x'],
    ['REDIS_URL', 'http://x'],
    ['LOG_LEVEL', 'verbose'],
    ['DRAIN_TIMEOUT_MS', '25s'],
    ['MAX_CALLS', '0'],
    ['TWILIO_ACCOUNT_SID', 'SK123'],
    ['TWILIO_AUTH_TOKEN', 'two words'],
    ['DEEPGRAM_API_KEY', 'caf\u00e9'],
    ['ELEVENLABS_VOICE_ID', '../v1'],
    ['ENCRYPTION_KEY', KEY_HEX.slice(1)],
    ['ENCRYPTION_KEY', 'A'.repeat(42)],
    ['ADMIN_TOKEN', 'x'.repeat(31)],
    ['WEBHOOK_SECRET', 'x'.repeat(15)],
    ['WEBHOOK_SECRET', 'a secret & of some length'],
    ['TRUST_CALLER_ID', 'always'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['TRUSTED_PROXIES', '10.0.0.1, proxy.example.org'],
    ['DEV_ROUTES', 'yes'],
  ];
  test.each(refused)('%s=%s is refused', (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name} m`));
  });

  test('an encryption key may be hexadecimal, base64 or base64url', () => {
    const bytes = Buffer.alloc(32, 0xfb);
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const config = loadConfig({ ENCRYPTION_KEY: bytes.toString(encoding) });
      expect(config.encryptionKeys?.map((key) => Buffer.from(key))).toEqual([bytes]);
    }
  });

  test('while the encryption key is changed there are two, the one that seals first', () => {
    const [newer, older] = [KEY_HEX, Buffer.alloc(32, 0xfb).toString('base64')];
    for (const between of [',', ' , ', '\n', '\r\n']) {
      const { encryptionKeys = [] } = loadConfig({
        ENCRYPTION_KEY: `${newer}${between}${older}\n`,
      });
      expect(encryptionKeys.map((key) => Buffer.from(key).toString('hex'))).toEqual([
        newer.toLowerCase(),
        'fb'.repeat(32),
      ]);
    }
    const nine = Array.from({ length: 9 }, (_, n) => Buffer.alloc(32, n).toString('hex'));
    const wrong = [`${newer},`, `${newer},short`, `${newer},${newer}`, nine.join()];
    expect(wrong.map((ENCRYPTION_KEY) => problemsOf({ ENCRYPTION_KEY }))).toEqual([
      ['ENCRYPTION_KEY must be 32 bytes as base64 or as 64 hexadecimal digits'],
      ['ENCRYPTION_KEY must be 32 bytes as base64 or as 64 hexadecimal digits'],
      ['ENCRYPTION_KEY must hold no key twice'],
      ['ENCRYPTION_KEY must hold at most 8 keys'],
    ]);
    const madeUp = { ...PRODUCTION, ENCRYPTION_KEY: `${newer},${older}` };
    expect(problemsOf(madeUp)).toEqual([
      'ENCRYPTION_KEY must be random: openssl rand -hex 32 makes one',
    ]);
  });

  test.each(['0'.repeat(64), 'deadbeef'.repeat(8), Buffer.alloc(32, 7).toString('base64')])(
    'the encryption key %s is good enough for trying out, not for production',
    (ENCRYPTION_KEY) => {
      expect(problemsOf({ ENCRYPTION_KEY })).toEqual([]);
      expect(problemsOf({ ...PRODUCTION, ENCRYPTION_KEY })).toContain(
        'ENCRYPTION_KEY must be random: openssl rand -hex 32 makes one',
      );
    },
  );

  test('the media stream goes to wss where the public URL is https', () => {
    const urlOf = (PUBLIC_URL: string) =>
      mediaStreamUrl(loadConfig({ PUBLIC_URL, TWILIO_AUTH_TOKEN: 'twilio-token' }));
    expect(urlOf('https://x.example.org/')).toBe('wss://x.example.org/media-stream');
    expect(urlOf('HTTPS://x.example.org')).toBe('wss://x.example.org/media-stream');
    expect(urlOf('http://127.0.0.1:9')).toBe('ws://127.0.0.1:9/media-stream');
  });

  test('whatever the values, a problem never repeats one', () => {
    const value = fc.stringMatching(/^[!-~]{12,40}$/);
    fc.assert(
      fc.property(fc.record(Object.fromEntries(VARIABLES.map((name) => [name, value]))), (env) => {
        let message = '';
        try {
          loadConfig(env);
        } catch (error) {
          message = (error as ConfigError).message;
        }
        expect(message).not.toBe('');
        for (const each of Object.values(env)) expect(message).not.toContain(each);
      }),
      { numRuns: 300 },
    );
  });
});
