/**
 * Two instances of the whole server in this process behind a balancer, on one Redis and one
 * PostgreSQL, with one world of emulators. Which of them the carrier reaches is the test's choice.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { startBalancer, type Balancer } from '../reliability/balancer.ts';
import {
  greeted,
  MARGARET,
  OUR_NUMBER,
  startEmulators,
  startLine,
  until,
  type Emulators,
  type LineUnderTest,
} from './line-under-test.ts';
import type { ScriptedReply } from '../../emulators/anthropic/brain.ts';

export type TwoLines = Emulators & {
  readonly a: LineUnderTest;
  readonly b: LineUnderTest;
  readonly balancer: Balancer;
  /** Looks into the database; none of the instances is asked. */
  readonly store: Store;
  /** The carrier reaches this one from now on. */
  reach(name: 'a' | 'b'): void;
  /** A call on `a` that has heard the greeting; the number of words heard so far. */
  dial(): Promise<{ leg: CallerLeg; fromWord: number }>;
  /** What is in the database of a call. */
  kept(callSid: string): ReturnType<typeof keptOf>;
};

export type TwoLinesOptions = {
  readonly redisUrl: string;
  /** Of `b` alone, where it is to see another Redis. */
  readonly redisUrlOfB?: string;
  readonly databaseUrl: string;
  readonly replies: readonly ScriptedReply[];
  /** Instances whose Redis is not there need not have seen each other. */
  readonly meet?: boolean;
};

const KEY = Buffer.alloc(32, 9).toString('hex');

export async function startTwoLines(options: TwoLinesOptions): Promise<TwoLines> {
  const { redisUrl, databaseUrl, replies } = options;
  const home = await mkdtemp(join(tmpdir(), 'hearthline-two-'));
  const emulators = await startEmulators(replies);
  const balancer = await startBalancer();
  const start = async (name: 'a' | 'b'): Promise<LineUnderTest> => {
    const line = await startLine({
      emulators,
      keepsIn: await mkdtemp(join(home, `${name}-`)),
      redisUrl: name === 'a' ? redisUrl : (options.redisUrlOfB ?? redisUrl),
      env: { DATABASE_URL: databaseUrl, ENCRYPTION_KEY: KEY, PUBLIC_URL: balancer.url },
    });
    balancer.add({ name, port: Number(new URL(line.url).port) });
    return line;
  };
  const [a, b] = [await start('a'), await start('b')];
  emulators.twilio.setNumber({
    phoneNumber: OUR_NUMBER,
    voiceUrl: `${balancer.url}/voice/answer`,
    statusCallbackUrl: `${balancer.url}/voice/status`,
  });
  const store = await openStore({
    databaseUrl,
    dataDir: await mkdtemp(join(home, 'look-')),
    encryptionKeys: [Buffer.from(KEY, 'hex')],
    defaultManner: DEFAULT_MANNER,
  });
  await Promise.all([a.app.durability?.settled, b.app.durability?.settled]);
  await balancer.look();
  balancer.prefer('a');
  const haveMet = (): boolean =>
    a.app.sessions.hasOtherAccepting && b.app.sessions.hasOtherAccepting;
  if (options.meet !== false) await until(haveMet, 5_000, () => 'the instances never met');
  return {
    ...emulators,
    a,
    b,
    balancer,
    store,
    reach: (name) => balancer.prefer(name),
    dial: async () => {
      const leg = await emulators.twilio.placeCall({ from: MARGARET.phone, to: OUR_NUMBER });
      await leg.waitForStream();
      return { leg, fromWord: await greeted(leg) };
    },
    kept: async (callSid) => await keptOf(store, callSid),
    close: async () => {
      await Promise.all([a.close(), b.close()]);
      await store.close();
      await balancer.close();
      await emulators.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function keptOf({ database, conversations }: Store, callSid: string) {
  return await database.withScope({ kind: 'service' }, async (tx) => ({
    conversation: await conversations.byCallSid(tx, callSid),
    turns: await conversations.turnsOf(tx, callSid),
  }));
}
