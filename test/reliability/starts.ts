/** From spawn to readiness, with everything compiled before. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../helpers/postgres-server.ts';
import { startInstance, untilDatabaseIsUp } from './instance.ts';
import { percentile, type Outcome, type RunOptions } from './scenario.ts';

const EMBEDDED_WARM_MS = 2_000;
const POSTGRES_MS = 3_000;

/** Vendors that are never asked: nothing is dialled here. */
const ENVIRONMENT = {
  TWILIO_ACCOUNT_SID: `AC${'0'.repeat(31)}1`,
  TWILIO_AUTH_TOKEN: 'emulated-twilio-token',
  TWILIO_PHONE_NUMBER: '+15005550006',
  DEEPGRAM_API_KEY: 'key',
  ANTHROPIC_API_KEY: 'key',
  ELEVENLABS_API_KEY: 'key',
  ELEVENLABS_VOICE_ID: 'voice',
  TWILIO_BASE_URL: 'http://127.0.0.1:9',
  DEEPGRAM_BASE_URL: 'http://127.0.0.1:9',
  ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
  ELEVENLABS_BASE_URL: 'http://127.0.0.1:9',
  DRAIN_TIMEOUT_MS: '2000',
} as const;

/** Starts and stops so often; each start's time. The first has everything to make. */
async function starts(count: number, env: Readonly<Record<string, string>>): Promise<number[]> {
  const took: number[] = [];
  for (let time = 0; time < count; time += 1) {
    const instance = await startInstance({
      name: `start ${time + 1}`,
      env: { ...ENVIRONMENT, ...env },
      debugger: false,
    });
    took.push(instance.startMs);
    // The first one migrates behind its readiness.
    if (time === 0) await untilDatabaseIsUp(instance);
    instance.signal('SIGTERM');
    const { code } = await instance.exited;
    if (code !== 0) throw new Error(`it ended with ${code ?? 'a signal'}`);
  }
  return took;
}

export async function startToReady({ short }: RunOptions): Promise<Outcome> {
  delete process.env['TEST_DATABASE_URL'];
  const count = short ? 3 : 6;
  const folder = await mkdtemp(join(tmpdir(), 'hearthline-starts-'));
  const postgres = await startPostgres();
  try {
    const [firstEmbeddedMs = 0, ...embedded] = await starts(count, {
      DATA_DIR: join(folder, 'embedded'),
    });
    const { url } = await postgres.createDatabase();
    const [firstPostgresMs = 0, ...withPostgres] = await starts(count, {
      DATA_DIR: join(folder, 'postgres'),
      DATABASE_URL: url,
      ENCRYPTION_KEY: '0'.repeat(64),
    });
    const embeddedWarmMs = percentile(embedded, 0.5);
    const postgresMs = percentile(withPostgres, 0.5);
    const findings: string[] = [];
    if (embeddedWarmMs > EMBEDDED_WARM_MS) findings.push(`embedded: ${embeddedWarmMs} ms`);
    if (postgresMs > POSTGRES_MS) findings.push(`with PostgreSQL: ${postgresMs} ms`);
    const figures = { firstEmbeddedMs, embeddedWarmMs, firstPostgresMs, postgresMs };
    return { figures, findings };
  } finally {
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
