/** A process of its own: the emulated recogniser, and what it saw of every turn. */
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { DeepgramEvent } from '../../emulators/deepgram/types.ts';
import type { LogEntry } from '../../emulators/log.ts';
import { BYTES_PER_MS } from '../../emulators/speech/types.ts';
import { obey, tell, watchLoopLag } from './helper.ts';
import type { HeardTurn, Stamped } from './messages.ts';
import { lastToken, STOPS } from './plan.ts';
import { hundredth } from './stats.ts';

const KEY = 'bench-key';

type Sent = Extract<LogEntry<DeepgramEvent>, { what: 'sent' }>;
type OpenTurn = { eager: boolean; stopAtMs: number | undefined };

const lag = watchLoopLag();
const emulator = await startDeepgramEmulator({ apiKey: KEY });
emulator.log.keeps = false;

const open = new Map<number, OpenTurn>();
let turns: HeardTurn[] = [];
/** By connection: when each group came, and that less its place in the audio. */
let arrivals = new Map<number, { atMs: number; offsetMs: number }[]>();

emulator.log.watch((entry) => {
  if (entry.what === 'audio') {
    const list = arrivals.get(entry.connection);
    const { atMs } = entry;
    const group = { atMs, offsetMs: atMs - entry.position / BYTES_PER_MS };
    if (list) list.push(group);
    else arrivals.set(entry.connection, [group]);
  } else if (entry.what === 'sent') takeSent(entry);
});

function takeSent(entry: Sent): void {
  const turn = open.get(entry.connection) ?? { eager: false, stopAtMs: undefined };
  open.set(entry.connection, turn);
  const told = entry.message['transcript'];
  const transcript = typeof told === 'string' ? told : '';
  if (STOPS.test(transcript)) turn.stopAtMs ??= entry.atMs;
  if (entry.name === 'EagerEndOfTurn') turn.eager = true;
  if (entry.name === 'TurnResumed') turn.eager = false;
  if (entry.name !== 'EndOfTurn') return;
  open.delete(entry.connection);
  const found = lastToken(transcript);
  const { decision } = entry;
  if (!found || decision?.lastWordEndByte === undefined) return;
  turns.push({
    token: found.token,
    endSentAtMs: entry.atMs,
    endDecidedAtMs: entry.decidedAtMs,
    silenceMs: decision.silenceMs ?? 0,
    decidedAfterMs: (decision.decidedByByte - decision.lastWordEndByte) / BYTES_PER_MS,
    ...turn,
  });
}

/** Lateness against the promptest group of the same connection. */
function forwardLateness(): Stamped {
  const atMs: number[] = [];
  const ms: number[] = [];
  for (const list of arrivals.values()) {
    const promptest = list.reduce((least, { offsetMs }) => Math.min(least, offsetMs), Infinity);
    for (const group of list) {
      atMs.push(hundredth(group.atMs));
      ms.push(hundredth(group.offsetMs - promptest));
    }
  }
  return { atMs, ms };
}

obey({
  begin: () => {
    turns = [];
    arrivals = new Map();
    lag.reset();
  },
  report: () =>
    tell({
      report: 'ears',
      turns,
      forwardLateness: forwardLateness(),
      connections: emulator.connections(),
      loopLag: lag.all(),
    }),
});
tell({
  notice: 'ready',
  environment: { DEEPGRAM_API_KEY: KEY, DEEPGRAM_BASE_URL: emulator.url },
});
