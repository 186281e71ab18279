/**
 * The world of one group of calls: every vendor's emulator behind a wire of its own, and the real
 * server with the vendors' real SDKs, pointed at names that the matrix can take away.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { companionBrain } from '../../../emulators/anthropic/brain.ts';
import type { Brain } from '../../../emulators/anthropic/types.ts';
import { startAnthropicEmulator } from '../../../emulators/anthropic/server.ts';
import { startDeepgramEmulator } from '../../../emulators/deepgram/server.ts';
import { startElevenLabsEmulator } from '../../../emulators/elevenlabs/server.ts';
import { startGeminiEmulator } from '../../../emulators/gemini/server.ts';
import { startTwilioEmulator } from '../../../emulators/twilio/emulator.ts';
import { createApp, type App } from '../../../src/app.ts';
import { loadConfig } from '../../../src/config.ts';
import type { TimedCallEvent } from '../../../src/events.ts';
import { createLogger } from '../../../src/log.ts';
import { peopleFrom } from '../../../src/people.ts';
import {
  isStore,
  MOMENTS,
  PLANS,
  type Host,
  type MatrixFault,
  type MatrixVendor,
  type VendorHost,
} from './cells.ts';
import type { Names } from './names.ts';
import type { Act } from './struck.ts';
import { personOf, scriptedReplies, STORY } from './phrases.ts';
import { startStore } from './stores.ts';
import { actsOf, faultsOf, strikeVendor } from './strike.ts';
import { startWire, type Wire, type WireTls } from './wire.ts';

export const OUR_NUMBER = '+15005550006';
const AUTH_TOKEN = 'emulated-twilio-token';
const HOSTS: readonly VendorHost[] = ['deepgram', 'anthropic', 'gemini', 'elevenlabs', 'twilio'];
/** Connections of a call; pooled HTTP connections outlive it on purpose. */
const CALL_SOCKETS = /^GET /;
const ANY = /(?:)/;

/** What all groups of a process share. */
export type Ground = {
  readonly names: Names;
  /** For every name of the matrix: one certificate this process trusts, one it does not. */
  readonly tls: WireTls;
};

export type World = {
  readonly app: App;
  readonly emulators: Emulators;
  /** Everything the server told about its calls: for explanations, never for judgement. */
  readonly events: readonly TimedCallEvent[];
  /** Begins the fault. Resolves when it is in force. */
  strike(): Promise<void>;
  /** The vendor is well again; not for hosts that were refused, lost or distrusted. */
  heal(): void;
  /** What was done because of the fault since it began, by the emulator, the wire and the names. */
  acts(): Act[];
  /** The wire did something to connections of the cells' vendor since the fault began. */
  wireFelt(): boolean;
  /** Connections, by host, that a finished call should not have left open. */
  leftovers(): string[];
  /** Closes the server; resolves with the connections, by host, that survive it. Then the rest. */
  close(): Promise<string[]>;
};

export type Emulators = Awaited<ReturnType<typeof startEmulators>>;

/**
 * What a model takes for the story while the companion tells it: its first clause within two seconds,
 * and six in all, so that its answer is still on its way when the fault comes.
 */
const STORY_TOKENS_PER_SECOND = 7;

/** The scripted companion; the story of the call that is struck in mid-sentence comes slowly. */
function pacedBrain(): Brain {
  const brain = companionBrain({ table: scriptedReplies() });
  const { name } = personOf('mid-sentence');
  return (request) => {
    const reply = brain(request);
    const isPaced = reply === STORY && request.system.some(({ text }) => text?.includes(name));
    if (!isPaced) return reply;
    return {
      blocks: [{ type: 'text', text: STORY }],
      tokensPerSecond: STORY_TOKENS_PER_SECOND,
    };
  };
}

async function startEmulators() {
  const reply = pacedBrain();
  const [twilio, deepgram, anthropic, gemini, elevenlabs] = await Promise.all([
    startTwilioEmulator({ authToken: AUTH_TOKEN, record: false }),
    startDeepgramEmulator({ briefLog: true }),
    startAnthropicEmulator({ reply, script: { firstTokenMs: 150 } }),
    startGeminiEmulator({ reply, script: { firstTokenMs: 150 } }),
    // Words rather than music: the sound costs nothing, and is in the making while it is played.
    startElevenLabsEmulator({ script: { sound: 'tone', firstByteMs: 150, realTimeFactor: 3 } }),
  ]);
  return { twilio, deepgram, anthropic, gemini, elevenlabs };
}

export type WorldOptions = {
  readonly vendor: MatrixVendor;
  readonly fault: MatrixFault;
  /** Makes the group's names its own. */
  readonly id: string;
};

export async function startWorld(options: WorldOptions, ground: Ground): Promise<World> {
  const { vendor, fault, id } = options;
  const plan = PLANS[vendor];
  const emulators = await startEmulators();
  for (const above of plan.above) {
    const { host, surface } = PLANS[above];
    if (!isStore(host))
      faultsOf(emulators, host).add({ surface, fault: { kind: 'status', status: 503 } });
  }
  const names = new Map(HOSTS.map((host) => [host, `${host}-${id}${ground.names.suffix}`]));
  const secureWire = fault === 'tls' ? ground.tls : undefined;
  const wires = new Map<Host, Wire>();
  const baseUrls = new Map<VendorHost, string>();
  for (const host of HOSTS) {
    const secure = host === plan.host ? secureWire : undefined;
    const target = Number(new URL(emulators[host].url).port);
    const wire = await startWire(target, secure);
    wires.set(host, wire);
    baseUrls.set(
      host,
      `${secure === undefined ? 'http' : 'https'}://${names.get(host) ?? ''}:${wire.port}`,
    );
  }
  const store = isStore(plan.host)
    ? await startStore(plan.host, `${plan.host}-${id}${ground.names.suffix}`, secureWire)
    : undefined;
  if (store) wires.set(plan.host, store.wire);
  const { app, events, closeApp } = await startServer(emulators, baseUrls, store?.environment);
  const wire = wires.get(plan.host);
  if (!wire) throw new Error(`no wire to ${plan.host}`);
  if (store && wire.open(ANY) === 0) throw new Error(`the server did not connect to ${plan.host}`);
  let healed = (): void => undefined;
  let struckAtMs = Infinity;
  const name = `${plan.host}-${id}${ground.names.suffix}`;
  return {
    app,
    emulators,
    events,
    strike: async () => {
      struckAtMs = Number(process.hrtime.bigint()) / 1e6;
      healed = strikeVendor(emulators, wire, vendor, fault);
      if (fault === 'refused' && vendor !== 'twilio-media') await wire.refuse();
      if (fault === 'dns') {
        ground.names.lose(name);
        wire.cut(ANY);
      }
      if (fault === 'tls') wire.distrust();
    },
    heal: () => healed(),
    wireFelt: () => wire.felt(plan.path).some((atMs) => atMs >= struckAtMs),
    acts: () => {
      const asked = ground.names.asked(name);
      return actsOf(emulators, wire, asked, vendor, fault).filter(({ atMs }) => atMs >= struckAtMs);
    },
    leftovers: () =>
      [...wires].flatMap(([host, each]) => {
        const open = each.open(CALL_SOCKETS);
        return open === 0 ? [] : [`${open} socket(s) to ${host}`];
      }),
    close: async () => {
      await closeApp();
      const surviving = await untilNoneSurvives(wires, store ? STORE_SURVIVAL_MS : SURVIVAL_MS);
      await Promise.all([...wires.values()].map(async (each) => await each.close()));
      await Promise.all(Object.values(emulators).map(async (each) => await each.close()));
      await store?.stop();
      return surviving;
    },
  };
}

/** A connection's end takes a moment to get through. */
const SURVIVAL_MS = 1_500;
/** A transaction on its way has its own limit; a process that ends does not wait for it. */
const STORE_SURVIVAL_MS = 12_000;

async function untilNoneSurvives(
  wires: ReadonlyMap<Host, Wire>,
  withinMs: number,
): Promise<string[]> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const surviving = [...wires].flatMap(([host, wire]) => {
      const open = wire.open(ANY);
      return open === 0 ? [] : [`${open} connection(s) to ${host} survive the server`];
    });
    if (surviving.length === 0 || performance.now() > deadline) return surviving;
    await sleep(50);
  }
}

async function startServer(
  emulators: Emulators,
  baseUrls: ReadonlyMap<VendorHost, string>,
  stores: Readonly<Record<string, string>> = {},
): Promise<{ app: App; events: TimedCallEvent[]; closeApp: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hearthline-matrix-'));
  const key = 'emulated-key';
  const config = loadConfig({
    NODE_ENV: 'test',
    PORT: '0',
    DATA_DIR: dataDir,
    TWILIO_ACCOUNT_SID: emulators.twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: baseUrls.get('twilio'),
    DEEPGRAM_API_KEY: key,
    DEEPGRAM_BASE_URL: baseUrls.get('deepgram'),
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_BASE_URL: baseUrls.get('anthropic'),
    GEMINI_API_KEY: key,
    GEMINI_BASE_URL: baseUrls.get('gemini'),
    ELEVENLABS_API_KEY: key,
    ELEVENLABS_VOICE_ID: 'emulated-voice',
    ELEVENLABS_BASE_URL: baseUrls.get('elevenlabs'),
    ...stores,
  });
  const log = createLogger('error', { write: () => undefined });
  const app = await createApp(config, log, {
    people: peopleFrom([...MOMENTS, 'bystander' as const].map(personOf)),
    // So that a call of half a minute may end with a goodbye.
    settings: { goodbyeNotBeforeMs: 0 },
    linesAhead: false,
    admitsWhenLate: true,
    ...('DATABASE_URL' in stores ? {} : { durability: 'none' as const }),
  });
  const events: TimedCallEvent[] = [];
  app.events.subscribe((event) => void events.push(event));
  const url = `http://127.0.0.1:${await app.listen()}`;
  emulators.twilio.setNumber({
    phoneNumber: OUR_NUMBER,
    voiceUrl: `${url}/voice/answer`,
    statusCallbackUrl: `${url}/voice/status`,
  });
  await app.warmed;
  await app.durability?.settled;
  const closeApp = async (): Promise<void> => {
    await app.close();
    await rm(dataDir, { recursive: true, force: true });
  };
  return { app, events, closeApp };
}
