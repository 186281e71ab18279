/**
 * The whole line in one process: the real server with the vendors' real SDKs, over real sockets,
 * against the four emulators. Everything that is waited for can be seen from outside.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { companionBrain, type ScriptedReply } from '../../emulators/anthropic/brain.ts';
import {
  startAnthropicEmulator,
  type AnthropicEmulator,
} from '../../emulators/anthropic/server.ts';
import { startDeepgramEmulator, type DeepgramEmulator } from '../../emulators/deepgram/server.ts';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';
import { splitTokens } from '../../emulators/anthropic/tokens.ts';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import { startTwilioEmulator } from '../../emulators/twilio/emulator.ts';
import type { CallerLeg, TwilioEmulator } from '../../emulators/twilio/types.ts';
import { createApp, type App } from '../../src/app.ts';
import { DEFAULT_MANNER, stranger, type Person } from '../../src/companion/person.ts';
import { loadConfig, withEmulators } from '../../src/config.ts';
import { ClauseSplitter } from '../../src/conversation/clauses.ts';
import type { Settings } from '../../src/conversation/types.ts';
import type { TimedCallEvent } from '../../src/events.ts';
import { createLogger } from '../../src/log.ts';
import { peopleFrom } from '../../src/people.ts';

export const OUR_NUMBER = '+15005550006';
export const AUTH_TOKEN = 'emulated-twilio-token';

export const MARGARET: Person = {
  ...stranger('+15555550142'),
  personId: 'margaret',
  name: 'Margaret',
  facts: ['She has a bad hip.'],
  people: ['Her daughter is called Anna.'],
};

export type EventOf<W extends TimedCallEvent['what']> = Extract<TimedCallEvent, { what: W }>;

/** Lines of the server's own log, parsed. */
export type LogLine = Readonly<Record<string, unknown>>;

/** The four emulators, apart from any server. */
export type Emulators = {
  readonly twilio: TwilioEmulator;
  readonly deepgram: DeepgramEmulator;
  readonly anthropic: AnthropicEmulator;
  readonly elevenlabs: ElevenLabsEmulator;
  close(): Promise<void>;
};

export async function startEmulators(replies: readonly ScriptedReply[] = []): Promise<Emulators> {
  const [twilio, deepgram, anthropic, elevenlabs] = await Promise.all([
    startTwilioEmulator({ authToken: AUTH_TOKEN }),
    startDeepgramEmulator(),
    startAnthropicEmulator({ reply: companionBrain({ table: replies }) }),
    startElevenLabsEmulator(),
  ]);
  await elevenlabs.prepare(clausesOf(replies), {
    speed: DEFAULT_MANNER.speechSpeed,
    languageCode: 'en',
  });
  return {
    twilio,
    deepgram,
    anthropic,
    elevenlabs,
    close: async () => {
      await Promise.all([twilio.close(), deepgram.close(), anthropic.close(), elevenlabs.close()]);
    },
  };
}

/** The replies as the server hands them to the voice: clause by clause. */
function clausesOf(replies: readonly ScriptedReply[]): string[] {
  return replies.flatMap(({ reply }) => {
    if (typeof reply !== 'string') return [];
    const splitter = new ClauseSplitter();
    const clauses = splitTokens(reply, undefined).flatMap((token) => splitter.push(token));
    return [...clauses, ...splitter.end()];
  });
}

export type LineOptions = {
  readonly settings?: Partial<Settings>;
  readonly people?: readonly Person[];
  readonly replies?: readonly ScriptedReply[];
  readonly env?: Readonly<Record<string, string>>;
  /** Production by its own rules, except that the vendors are the emulators. */
  readonly production?: boolean;
  /** What `createRedisSessionStore` takes, which is more than the environment does. */
  readonly redisUrl?: string;
  /** Emulators that are there already; they are not closed with the line. */
  readonly emulators?: Emulators;
  /** The real durable store in this folder, which stays; people are taken in from a file there. */
  readonly keepsIn?: string;
  /** See `AppOptions`; here the default is false, because it takes a second or two. */
  readonly linesAhead?: boolean;
  /** Called before the server starts, for faults that are there from the beginning. */
  readonly before?: (emulators: Emulators) => void;
};

export type LineUnderTest = Emulators & {
  readonly app: App;
  readonly url: string;
  readonly events: TimedCallEvent[];
  readonly logLines: LogLine[];
  /** Dials the line's number and waits until the media stream is up. */
  dial(from?: string): Promise<CallerLeg>;
  /** The first event of a kind that fits, past or future. Rejects after `timeoutMs` (5 s). */
  waitForEvent<W extends TimedCallEvent['what']>(
    what: W,
    fits?: (event: EventOf<W>) => boolean,
    timeoutMs?: number,
  ): Promise<EventOf<W>>;
  eventsOf<W extends TimedCallEvent['what']>(what: W): EventOf<W>[];
  /** Resolves when no vendor has a socket of ours and no call is left; rejects after 3 s. */
  untilNothingIsLeft(): Promise<void>;
};

export async function startLine(options: LineOptions = {}): Promise<LineUnderTest> {
  const emulators = options.emulators ?? (await startEmulators(options.replies));
  options.before?.(emulators);
  const dataDir = options.keepsIn ?? (await mkdtemp(join(tmpdir(), 'hearthline-test-')));
  const people = options.people ?? [MARGARET];
  const keeps = options.keepsIn !== undefined;
  if (keeps) await writeFile(join(dataDir, 'people.json'), JSON.stringify(people));
  const logLines: LogLine[] = [];
  const log = createLogger('debug', {
    write: (line: string) => void logLines.push(JSON.parse(line) as LogLine),
  });
  const config = loadConfig({
    NODE_ENV: 'test',
    PORT: '0',
    DATA_DIR: dataDir,
    TWILIO_ACCOUNT_SID: emulators.twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    ...options.env,
  });
  const { twilio, deepgram, anthropic, elevenlabs } = emulators;
  const urls = {
    twilio: twilio.url,
    deepgram: deepgram.url,
    anthropic: anthropic.url,
    elevenlabs: elevenlabs.url,
  };
  const { redisUrl = config.redisUrl } = options;
  const environment = options.production === true ? 'production' : config.environment;
  const app = await createApp({ ...withEmulators(config, urls), redisUrl, environment }, log, {
    ...(keeps ? {} : { people: peopleFrom(people), durability: 'none' }),
    ...(options.settings ? { settings: options.settings } : {}),
    linesAhead: options.linesAhead ?? false,
    admitsWhenLate: true,
  });
  const watch = watchEvents(app);
  // What is made before the first call need not be waited for as long as in life.
  const usual = { ...elevenlabs.script };
  Object.assign(elevenlabs.script, { firstByteMs: 0, realTimeFactor: 10_000 });
  const url = `http://127.0.0.1:${await app.listen()}`;
  twilio.setNumber({
    phoneNumber: OUR_NUMBER,
    voiceUrl: `${url}/voice/answer`,
    statusCallbackUrl: `${url}/voice/status`,
  });
  await app.warmed;
  Object.assign(elevenlabs.script, usual);
  return {
    ...emulators,
    ...watch,
    app,
    url,
    logLines,
    dial: async (from = MARGARET.phone) => {
      const leg = await twilio.placeCall({ from, to: OUR_NUMBER });
      await leg.waitForStream();
      return leg;
    },
    untilNothingIsLeft: async () => {
      await until(
        () => leftovers(emulators, app).length === 0,
        3_000,
        () => leftovers(emulators, app).join(', '),
      );
    },
    close: async () => {
      await app.close();
      if (options.emulators === undefined) await emulators.close();
      if (!keeps) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A line that is closed when the test is over; tests that have their own may run side by side. */
export async function lineFor(
  test: { onTestFinished(fn: () => Promise<void>): void },
  options: LineOptions = {},
): Promise<LineUnderTest> {
  const line = await startLine(options);
  test.onTestFinished(async () => line.close());
  return line;
}

/** Waits for the greeting's end; returns how many words were heard by then. */
export async function greeted(leg: CallerLeg): Promise<number> {
  await leg.waitForWords(/\?/);
  await leg.waitForSilence();
  return leg.playout.heardWords().length;
}

/** The caller puts the phone down, and nothing is left of the call anywhere. */
export async function hangUp(line: LineUnderTest, leg: CallerLeg): Promise<void> {
  await leg.hangUp();
  await line.waitForEvent('call-ended');
  await line.untilNothingIsLeft();
}

type Watch = Pick<LineUnderTest, 'events' | 'waitForEvent' | 'eventsOf'>;

function watchEvents(app: App): Watch {
  const events: TimedCallEvent[] = [];
  const waiters = new Set<(event: TimedCallEvent) => void>();
  app.events.subscribe((event) => {
    events.push(event);
    for (const waiter of [...waiters]) waiter(event);
  });
  return {
    events,
    eventsOf: <W extends TimedCallEvent['what']>(what: W) =>
      events.filter((event): event is EventOf<W> => event.what === what),
    waitForEvent: async <W extends TimedCallEvent['what']>(
      what: W,
      fits: (event: EventOf<W>) => boolean = () => true,
      timeoutMs = 5_000,
    ) => {
      const matches = (event: TimedCallEvent): event is EventOf<W> =>
        event.what === what && fits(event as EventOf<W>);
      const past = events.find(matches);
      if (past) return past;
      return await new Promise<EventOf<W>>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(waiter);
          const seen = events.map((event) => event.what).join(' ');
          reject(new Error(`no event '${what}' within ${timeoutMs} ms; seen: ${seen}`));
        }, timeoutMs);
        const waiter = (event: TimedCallEvent): void => {
          if (!matches(event)) return;
          clearTimeout(timer);
          waiters.delete(waiter);
          resolve(event);
        };
        waiters.add(waiter);
      });
    },
  };
}

/** What a finished call must not leave behind, by name. */
function leftovers({ deepgram, elevenlabs, anthropic }: Emulators, app: App): string[] {
  const found: string[] = [];
  if (app.calls.active > 0) found.push(`${app.calls.active} call(s)`);
  if (deepgram.connections() > 0) found.push(`${deepgram.connections()} STT socket(s)`);
  const voices = elevenlabs.log.all('connected').filter(({ surface }) => surface !== 'http');
  const gone = new Set(elevenlabs.log.all('disconnected').map((entry) => entry.connection));
  const open = voices.filter(({ connection }) => !gone.has(connection)).length;
  if (open > 0) found.push(`${open} TTS socket(s)`);
  const over = new Set(
    anthropic.log.entries.flatMap((entry) =>
      entry.what === 'complete' || entry.what === 'aborted' ? [entry.id] : [],
    ),
  );
  const running = anthropic.log.all('reply').filter(({ id }) => !over.has(id)).length;
  if (running > 0) found.push(`${running} model request(s)`);
  return found;
}

/** Posts a webhook as the carrier would, signed; returns the answer's status and body. */
export async function postSigned(
  url: string,
  fields: Readonly<Record<string, string>>,
  change: { readonly signature?: string; readonly sent?: Readonly<Record<string, string>> } = {},
): Promise<{ status: number; body: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': change.signature ?? twilioSignature(AUTH_TOKEN, url, fields),
    },
    body: new URLSearchParams(change.sent ?? fields),
  });
  return { status: response.status, body: await response.text() };
}

/** Polls a condition; rejects after `timeoutMs` with what `describe` says. */
export async function until(
  condition: () => boolean,
  timeoutMs: number,
  describe: () => string = () => 'the condition never held',
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`after ${timeoutMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
