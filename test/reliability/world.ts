/**
 * The world of a scenario: a real PostgreSQL, a real redis-server, the vendors' emulators, a
 * balancer, and instances of the real server as processes of their own.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastToken, replyTo } from '../../bench/calls/plan.ts';
import { loadSounds, type Sounds } from '../../bench/calls/utterances.ts';
import { startAnthropicEmulator } from '../../emulators/anthropic/server.ts';
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import { startTwilioEmulator } from '../../emulators/twilio/emulator.ts';
import type { TwilioEmulator } from '../../emulators/twilio/types.ts';
import { startPostgres, type TestDatabase, type TestPostgres } from '../helpers/postgres-server.ts';
import { startBalancer, type Balancer } from './balancer.ts';
import { Conversation } from './conversation.ts';
import { openKept, type Kept } from './database.ts';
import { startInstance, untilDatabaseIsUp, type Instance } from './instance.ts';
import { isConversation, keepLedger, type Ledger } from './ledger.ts';
import { startRedisServer, type RedisServer } from './redis.ts';

export const OUR_NUMBER = '+15005550006';
export const AUTH_TOKEN = 'emulated-twilio-token';
const KEY = 'emulated-key';
/** More than any scenario has callers. */
const PEOPLE = 150;
const RINGS_APART_MS = 60;

export type World = {
  readonly twilio: TwilioEmulator;
  readonly balancer: Balancer;
  readonly postgres: TestPostgres;
  readonly redis: RedisServer;
  readonly kept: Kept;
  readonly ledger: Ledger;
  /** Every conversation of this world so far. */
  readonly conversations: readonly Conversation[];
  /** Those that run now, by name. */
  readonly instances: ReadonlyMap<string, Instance>;
  /** Starts an instance, with the data directory that its name always has, and puts it to work. */
  start(name: string): Promise<Instance>;
  /** One more caller, who talks until told to leave. */
  dial(): Promise<Conversation>;
  /** So many callers, one after the other. */
  dialMany(count: number): Promise<Conversation[]>;
  close(): Promise<void>;
};

export type WorldOptions = {
  readonly drainTimeoutMs?: number;
};

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  // This suite ends its servers again and again: none that somebody lent it.
  delete process.env['TEST_DATABASE_URL'];
  const [emulators, postgres, redis, balancer, sounds, folder] = await Promise.all([
    startEmulators(),
    startPostgres(),
    startRedisServer(),
    startBalancer(),
    loadSounds(),
    mkdtemp(join(tmpdir(), 'hearthline-reliability-')),
  ]);
  emulators.twilio.setNumber({
    phoneNumber: OUR_NUMBER,
    voiceUrl: `${balancer.url}/voice/answer`,
    statusCallbackUrl: `${balancer.url}/voice/status`,
  });
  const world = new RealWorld({ emulators, postgres, redis, balancer, sounds, folder, options });
  await world.prepare();
  return world;
}

type Emulators = Awaited<ReturnType<typeof startEmulators>>;

async function startEmulators() {
  const [twilio, deepgram, anthropic, elevenlabs] = await Promise.all([
    startTwilioEmulator({ authToken: AUTH_TOKEN, record: false }),
    startDeepgramEmulator({ briefLog: true }),
    startAnthropicEmulator({
      script: { firstTokenMs: 150, tokensPerSecond: 50 },
      reply: (request) => {
        if (!isConversation(request)) return '{"memories":[]}';
        const last = request.messages.findLast((message) => message.role === 'user');
        const said = (last?.content ?? []).map((block) => block.text ?? '').join(' ');
        return replyTo(lastToken(said) ?? { token: 'that', call: 0, turn: 0 });
      },
    }),
    startElevenLabsEmulator({ script: { sound: 'tone', firstByteMs: 80, realTimeFactor: 15 } }),
  ]);
  return { twilio, deepgram, anthropic, elevenlabs };
}

type Parts = {
  readonly emulators: Emulators;
  readonly postgres: TestPostgres;
  readonly redis: RedisServer;
  readonly balancer: Balancer;
  readonly sounds: Sounds;
  readonly folder: string;
  readonly options: WorldOptions;
};

class RealWorld implements World {
  readonly #parts: Parts;
  readonly #encryptionKey = randomBytes(32);
  readonly #running = new Map<string, Instance>();
  readonly #all: Instance[] = [];
  readonly #starting: Promise<Instance>[] = [];
  readonly ledger: Ledger;
  readonly conversations: Conversation[] = [];
  #database: TestDatabase | undefined;
  #opening: Promise<Kept> | undefined;
  #kept: Kept | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.ledger = keepLedger(parts.emulators.deepgram, parts.emulators.anthropic);
  }

  get twilio(): TwilioEmulator {
    return this.#parts.emulators.twilio;
  }
  get balancer(): Balancer {
    return this.#parts.balancer;
  }
  get postgres(): TestPostgres {
    return this.#parts.postgres;
  }
  get redis(): RedisServer {
    return this.#parts.redis;
  }
  get instances(): ReadonlyMap<string, Instance> {
    return this.#running;
  }
  get kept(): Kept {
    if (this.#kept === undefined) throw new Error('no instance has been started');
    return this.#kept;
  }

  async prepare(): Promise<void> {
    this.#database = await this.#parts.postgres.createDatabase();
  }

  async start(name: string): Promise<Instance> {
    const starting = this.#start(name);
    this.#starting.push(starting);
    return await starting;
  }

  async #start(name: string): Promise<Instance> {
    const { balancer, folder } = this.#parts;
    const dataDir = join(folder, name);
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'people.json'), JSON.stringify(people()));
    const instance = await startInstance({ name, env: this.#environment(dataDir) });
    this.#all.push(instance);
    this.#running.set(name, instance);
    void this.#forgetWhenGone(instance);
    this.#opening ??= (async () => {
      await untilDatabaseIsUp(instance);
      return await openKept(this.#databaseOrThrow(), this.#encryptionKey);
    })();
    this.#kept = await this.#opening;
    balancer.add({ name, port: instance.port });
    await balancer.look();
    return instance;
  }

  async dial(): Promise<Conversation> {
    const call = this.conversations.length;
    const leg = await this.twilio.placeCall({ from: phoneOf(call % PEOPLE), to: OUR_NUMBER });
    const conversation = new Conversation(leg, call, this.#parts.sounds, this.twilio.log);
    this.conversations.push(conversation);
    return conversation;
  }

  async dialMany(count: number): Promise<Conversation[]> {
    const dialled: Conversation[] = [];
    for (let n = 0; n < count; n += 1) {
      dialled.push(await this.dial());
      await new Promise((resolve) => setTimeout(resolve, RINGS_APART_MS));
    }
    return dialled;
  }

  async close(): Promise<void> {
    const { emulators, postgres, redis, balancer, folder } = this.#parts;
    await Promise.all(this.conversations.map(async (each) => await each.leave()));
    await Promise.allSettled(this.#starting);
    for (const instance of this.#all) if (instance.isRunning()) instance.signal('SIGKILL');
    await Promise.all(this.#all.map(async ({ exited }) => await exited));
    await this.#kept?.close();
    await balancer.close();
    await Promise.all(Object.values(emulators).map(async (each) => await each.close()));
    await Promise.all([postgres.stop(), redis.stop()]);
    await rm(folder, { recursive: true, force: true });
  }

  async #forgetWhenGone(instance: Instance): Promise<void> {
    await instance.exited;
    if (this.#running.get(instance.name) === instance) this.#running.delete(instance.name);
  }

  #databaseOrThrow(): TestDatabase {
    if (this.#database === undefined) throw new Error('no database yet');
    return this.#database;
  }

  #environment(dataDir: string): Record<string, string> {
    const { emulators, redis, balancer, options } = this.#parts;
    const { twilio, deepgram, anthropic, elevenlabs } = emulators;
    return {
      PUBLIC_URL: balancer.url,
      DATA_DIR: dataDir,
      DATABASE_URL: this.#databaseOrThrow().url,
      REDIS_URL: redis.url,
      ENCRYPTION_KEY: this.#encryptionKey.toString('hex'),
      DRAIN_TIMEOUT_MS: String(options.drainTimeoutMs ?? 25_000),
      MAX_CALLS: '200',
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: AUTH_TOKEN,
      TWILIO_PHONE_NUMBER: OUR_NUMBER,
      TWILIO_BASE_URL: twilio.url,
      DEEPGRAM_API_KEY: KEY,
      DEEPGRAM_BASE_URL: deepgram.url,
      ANTHROPIC_API_KEY: KEY,
      ANTHROPIC_BASE_URL: anthropic.url,
      ELEVENLABS_API_KEY: KEY,
      ELEVENLABS_VOICE_ID: 'emulated-voice',
      ELEVENLABS_BASE_URL: elevenlabs.url,
    };
  }
}

function phoneOf(index: number): string {
  return `+1555${String(2_000_000 + index)}`;
}

/** Everybody who calls is somebody the line knows, so that what they say may be remembered. */
function people(): object[] {
  return Array.from({ length: PEOPLE }, (_, index) => ({
    personId: `caller-${index}`,
    name: 'Agnes',
    phone: phoneOf(index),
    family: `family-${index}`,
    // The briskest voice there is: less time between kills.
    manner: { speechSpeed: 1.2 },
  }));
}
