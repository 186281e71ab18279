/** A process of its own: the emulated carrier, and the people who call. */
import { startTwilioEmulator } from '../../emulators/twilio/emulator.ts';
import { monotonicMs } from '../../emulators/clock.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { CallerScript } from './caller-script.ts';
import { obey, Stamps, tell, watchLoopLag } from './helper.ts';
import type { CallerTurn } from './messages.ts';
import { CALLS_PER_SECOND } from './plan.ts';
import { loadSounds } from './utterances.ts';

const OUR_NUMBER = '+15005550006';
const AUTH_TOKEN = 'bench-twilio-token';

const lag = watchLoopLag();
const sounds = await loadSounds();
const emulator = await startTwilioEmulator({
  authToken: AUTH_TOKEN,
  decodeWords: false,
  record: false,
});
emulator.log.keeps = false;

const scripts = new Map<string, CallerScript>();
const running = new Set<Promise<void>>();
let turns: CallerTurn[] = [];
const greetings = new Stamps();
const underruns = new Stamps();
const sendLateness = new Stamps();
let lost: string[] = [];
let nextCall = 0;
let leaving = false;

emulator.log.watch((entry) => {
  if (entry.what === 'frames-sent') sendLateness.add(entry.lateMs, entry.atMs);
  if (entry.what === 'underrun') underruns.add(entry.durationMs, entry.atMs);
  if ('callSid' in entry && entry.callSid !== undefined) scripts.get(entry.callSid)?.see(entry);
});

async function oneCall(answerUrl: string, onWarm: () => void): Promise<void> {
  const call = nextCall;
  nextCall += 1;
  const from = `+1555${String(1_000_000 + call)}`;
  const leg = await emulator.placeCall({
    from,
    to: OUR_NUMBER,
    answerUrl,
    statusUrl: answerUrl.replace('/answer', '/status'),
  });
  const script = new CallerScript(leg, call, sounds, {
    onTurn: (turn) => turns.push(turn),
    onGreeted: (ms) => greetings.add(ms),
    onWarm,
    isLeaving: () => leaving,
  });
  scripts.set(leg.callSid, script);
  try {
    await script.play();
  } catch (error) {
    if (!leaving) lost.push(`call ${call}: ${error instanceof Error ? error.message : 'lost'}`);
  } finally {
    onWarm();
    scripts.delete(leg.callSid);
    await leg.hangUp();
  }
}

/** Real calls come one after the other, not all at once. */
async function ramp(calls: number, answerUrl: string): Promise<void> {
  const warm: Promise<void>[] = [];
  const beganAtMs = monotonicMs();
  for (let n = 0; n < calls; n += 1) {
    const { promise, resolve } = Promise.withResolvers<void>();
    warm.push(promise);
    const work = oneCall(answerUrl, resolve).finally(() => running.delete(work));
    running.add(work);
    const dueMs = beganAtMs + ((n + 1) * 1_000) / CALLS_PER_SECOND;
    await sleep(Math.max(0, dueMs - monotonicMs()));
  }
  await Promise.all(warm);
}

/** Never rejects. */
async function leave(): Promise<void> {
  await Promise.allSettled([...running]);
  greetings.reset();
  tell({ notice: 'gone' });
}

obey({
  call: (order) => {
    if (order.order !== 'call') return;
    leaving = false;
    // Calls that are lost before anything is measured are lost all the same.
    lost = [];
    ramp(order.calls, order.answerUrl).then(
      () => tell({ notice: 'ramped' }),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  },
  begin: () => {
    turns = [];
    underruns.reset();
    sendLateness.reset();
    lag.reset();
  },
  report: () => {
    const live = scripts.size;
    const stamped = {
      greetings: greetings.all(),
      underruns: underruns.all(),
      sendLateness: sendLateness.all(),
      loopLag: lag.all(),
    };
    tell({ report: 'callers', turns, lost, live, ...stamped });
  },
  'hang-up': () => {
    leaving = true;
    for (const script of scripts.values()) script.leave();
    void leave();
  },
});
tell({
  notice: 'ready',
  environment: {
    TWILIO_ACCOUNT_SID: emulator.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: emulator.url,
  },
});
