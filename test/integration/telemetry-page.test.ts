/** Who may read `/metrics`, which ids requests carry, and what Sentry is told. */
import type { AddressInfo, Server } from 'node:net';
import { createServer as createHttpServer } from 'node:http';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import express from 'express';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { correlate } from '../../routes/correlation.ts';
import { metricsRoutes } from '../../routes/metrics.ts';
import { VendorError } from '../../src/errors.ts';
import { createLogger } from '../../src/log.ts';
import { createErrorReporter } from '../../src/sentry.ts';
import { startSentryReceiver, type SentryReceiver } from '../helpers/sentry-receiver.ts';

const TOKEN = 'a-token-of-some-length';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function page(options: { token?: string; production?: boolean }): Promise<string> {
  const app = express();
  const { token, production = false } = options;
  const read = async (): Promise<string> => 'figures 1\n';
  app.use('/metrics', metricsRoutes({ read, contentType: 'text/plain', token, production }));
  return `${await listening(createHttpServer(app))}/metrics`;
}

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}

describe('GET /metrics', () => {
  it('with a token, is there for who bears it and for nobody else', async () => {
    for (const production of [true, false]) {
      const url = await page({ token: TOKEN, production });
      expect(await statusOf(url)).toBe(404);
      for (const wrong of [`Bearer ${TOKEN}x`, TOKEN, `Basic ${TOKEN}`, 'Bearer ', '']) {
        expect(await statusOf(url, { authorization: wrong }), wrong).toBe(404);
      }
      expect(await statusOf(url, { authorization: `Bearer ${TOKEN}` })).toBe(200);
    }
  });

  it('without a token, is there for this machine only, not through a proxy on it', async () => {
    const url = await page({});
    expect(await statusOf(url)).toBe(200);
    for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip']) {
      expect(await statusOf(url, { [name]: '127.0.0.1' }), name).toBe(404);
    }
  });

  it('without a token, is there for nobody in production', async () => {
    expect(await statusOf(await page({ production: true }))).toBe(404);
  });
});

describe('ids of requests', () => {
  const trace = 'ab'.repeat(16);
  const traceparent = `00-${trace}-${'cd'.repeat(8)}-01`;

  async function ask(headers: Record<string, string>) {
    const lines: Record<string, unknown>[] = [];
    const write = (line: string): void =>
      void lines.push(JSON.parse(line) as Record<string, unknown>);
    const app = express();
    app.use(correlate(createLogger('debug', { write })));
    app.get('/', (_req, res) => void res.send('ok'));
    const url = await listening(createHttpServer(app));
    const response = await fetch(`${url}/?phone=15555550142`, { headers });
    await response.arrayBuffer();
    const id = response.headers.get('x-request-id') ?? '';
    return { id, parent: response.headers.get('traceparent') ?? '', lines };
  }

  it('come in, are logged and go out again', async () => {
    const { id, parent, lines } = await ask({ 'x-request-id': 'edge-0001', traceparent });
    expect(id).toBe('edge-0001');
    expect(parent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`));
    expect(parent).not.toBe(traceparent);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ requestId: 'edge-0001', traceId: trace, status: 200 });
    expect(JSON.stringify(lines)).not.toContain('15555550142');
  });

  it('come in however long the numbers in them are, where they are hexadecimal', async () => {
    for (const given of ['12345678-1234-4234-8234-123456789012', '0123456789'.repeat(4)]) {
      expect((await ask({ 'x-request-id': given })).id).toBe(given);
    }
  });

  it('are made where none came, or what came is none, or holds a telephone number', async () => {
    const numbers = ['15555550142', 'tel-15555550142-a', 'a.5555550142'];
    for (const bad of [...numbers, 'a b', 'short', 'x'.repeat(200)]) {
      const { id, parent } = await ask({
        'x-request-id': bad,
        traceparent: `00-${'0'.repeat(32)}`,
      });
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
      expect(parent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    }
  });
});

describe('errors to Sentry', () => {
  async function sentry(): Promise<SentryReceiver> {
    const receiver = await startSentryReceiver();
    onTestFinished(() => receiver.close());
    return receiver;
  }

  it('hold where it happened and nothing that was said', async () => {
    const { dsn, received } = await sentry();
    const reporter = createErrorReporter({ dsn, environment: 'test' });
    reporter.report(new Error('Margaret fell, call +15555550142'), 'call');
    reporter.report(new VendorError('claude', 'overloaded', { status: 529 }), 'request');
    await reporter.flush(5_000);
    expect(received.map(({ path }) => path)).toEqual(['/api/42/envelope/', '/api/42/envelope/']);
    expect(received[0]?.headers['x-sentry-auth']).toContain('sentry_key=publickey');
    expect(received[0]?.headers['content-type']).toBe('application/x-sentry-envelope');
    const events = received.map(({ lines }) => lines[2]) as Record<string, unknown>[];
    const types = events.map((event) => JSON.stringify(event['exception']));
    expect(types.some((text) => text.includes('"value":"claude: overloaded (529)"'))).toBe(true);
    expect(types.every((text) => text.includes('telemetry-page.test.ts'))).toBe(true);
    expect(JSON.stringify(received)).not.toMatch(/Margaret|5555550142/);
  });

  it('are not a flood, and a Sentry that is away is no trouble', async () => {
    const { dsn, received } = await sentry();
    const reporter = createErrorReporter({ dsn, environment: 'test' });
    for (let n = 0; n < 200; n += 1) reporter.report(new Error('again'), 'call');
    await reporter.flush(5_000);
    expect(received.length).toBeGreaterThan(0);
    expect(received.length).toBeLessThanOrEqual(5);
    const nobody = createErrorReporter({ dsn: 'http://key@127.0.0.1:1/1', environment: 'test' });
    nobody.report(new Error('lost'), 'process');
    await nobody.flush(5_000);
    expect(() => createErrorReporter({ dsn: 'nonsense', environment: 'test' })).toThrow(/no DSN/);
  });
});

describe('where nothing is configured', () => {
  it('nothing of OpenTelemetry’s SDK is loaded', async () => {
    const program = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
      const { loadTelemetry } = await import('./src/telemetry.ts');
      const telemetry = await loadTelemetry(process.env);
      const packages = loaded.filter((url) => url.includes('node_modules'));
      console.log(JSON.stringify({ active: telemetry.active, packages }));
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (part: Buffer) => (output += part.toString()));
    await new Promise((resolve) => child.once('close', resolve));
    expect(JSON.parse(output)).toEqual({ active: false, packages: [] });
  });
});
