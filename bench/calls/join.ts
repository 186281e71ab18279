/**
 * Puts together what the processes saw of each turn and takes the caller's wait apart:
 *
 *   last speech frame → first media = grouping + a + STT's silence + b + model + c + voice + d
 *
 * - grouping: audio is sent to the STT in groups; the deciding group was not full before.
 * - a: the deciding group's last frame left the caller → the STT had the group.
 * - b: end of turn sent → the model had the request.
 * - c: first token → the voice had the first text. Policy: the wait for a clause, mostly.
 * - d: first byte of the voice → first media at the caller.
 *
 * Waits that the vendors' scripts ask for are measured where they happen and are nobody's fault.
 * What goes wrong is counted at all times, how long things took only in quiet ones: where the next
 * seconds were quiet, however long it took, so that a slow turn counts as readily as a quick one.
 */
import { FRAME_MS } from '../../emulators/speech/types.ts';
import type {
  AskedReply,
  CallersReport,
  CallerTurn,
  EarsReport,
  HeardTurn,
  SpokenClause,
  VendorsReport,
} from './messages.ts';
import type { QuietTime } from './quiet.ts';

/** From a caller's last word; few answers take longer. */
const WINDOW_MS = 2_000;

export type PlainTurn = {
  readonly groupingMs: number;
  readonly aMs: number;
  readonly bMs: number;
  readonly cMs: number;
  readonly dMs: number;
  /** a + b + d. */
  readonly ownWorkMs: number;
  /** The caller's wait less the vendors' scripted waits. */
  readonly addedMs: number;
};

export type Joined = {
  readonly plain: readonly PlainTurn[];
  /** End of turn sent → first media, where a draft was ready. */
  readonly eagerMs: readonly number[];
  /** First STT event with the words that stop → clear. */
  readonly bargeInMs: readonly number[];
  /** Turns over a reply that did not bring a clear, and those with media after it. */
  readonly bargeInsMissed: number;
  readonly bargeInsLeaky: number;
  readonly unanswered: number;
  /** Turns of which some process saw nothing. */
  readonly unjudged: number;
  /** Tokens of drafts that were thrown away, as a share of all. */
  readonly draftWasteShare: number;
};

/** Turns whose times were measured. */
export function turnsOf({ plain, eagerMs }: Joined): number {
  return plain.length + eagerMs.length;
}

export function joinTurns(
  callers: Pick<CallersReport, 'turns'>,
  ears: Pick<EarsReport, 'turns'>,
  vendors: Pick<VendorsReport, 'asked' | 'spoken'>,
  quiet: Pick<QuietTime, 'covers'> = { covers: () => true },
): Joined {
  const heard = new Map(ears.turns.map((turn) => [turn.token, turn]));
  const asked = groupByToken(vendors.asked);
  const spoken = groupByToken(vendors.spoken);
  const plain: PlainTurn[] = [];
  const eagerMs: number[] = [];
  const bargeInMs: number[] = [];
  const counts = { missed: 0, leaky: 0, unanswered: 0, unjudged: 0 };
  for (const turn of callers.turns) {
    // A call's first turn warms it up.
    if (turn.turn === 0) continue;
    const { firstMediaAtMs } = turn;
    const ear = heard.get(turn.token);
    if (firstMediaAtMs === undefined) counts.unanswered += 1;
    if (turn.kind.startsWith('barge')) {
      const { clearAtMs } = turn;
      const { stopAtMs } = ear ?? {};
      if (clearAtMs === undefined) counts.missed += 1;
      else if (stopAtMs !== undefined && quiet.covers(stopAtMs, stopAtMs + WINDOW_MS)) {
        bargeInMs.push(clearAtMs - stopAtMs);
      }
      if (turn.mediaAfterClear > 0) counts.leaky += 1;
    }
    if (firstMediaAtMs === undefined) continue;
    if (!quiet.covers(turn.lastSpeechAtMs, turn.lastSpeechAtMs + WINDOW_MS)) continue;
    if (ear === undefined) counts.unjudged += 1;
    else if (ear.eager) eagerMs.push(firstMediaAtMs - ear.endSentAtMs);
    else {
      const parts = takeApart(turn, firstMediaAtMs, ear, asked, spoken);
      if (parts) plain.push(parts);
      else counts.unjudged += 1;
    }
  }
  return {
    plain,
    eagerMs,
    bargeInMs,
    bargeInsMissed: counts.missed,
    bargeInsLeaky: counts.leaky,
    unanswered: counts.unanswered,
    unjudged: counts.unjudged,
    draftWasteShare: wasteShare(asked),
  };
}

function takeApart(
  turn: CallerTurn,
  firstMediaAtMs: number,
  ear: HeardTurn,
  asked: ReadonlyMap<string, readonly AskedReply[]>,
  spoken: ReadonlyMap<string, readonly SpokenClause[]>,
): PlainTurn | undefined {
  const request = asked
    .get(turn.token)
    ?.findLast(({ requestAtMs }) => requestAtMs >= ear.endSentAtMs && requestAtMs < firstMediaAtMs);
  const firstTokenAtMs = request?.firstTokenAtMs;
  if (!request || firstTokenAtMs === undefined) return undefined;
  const clause = spoken.get(turn.token)?.find(({ textAtMs }) => textAtMs >= firstTokenAtMs);
  if (!clause || clause.firstAudioAtMs > firstMediaAtMs) return undefined;
  // Frames leave every 20 ms; the group went out with the frame in which its last byte lies.
  const groupMs = Math.ceil(ear.decidedAfterMs / FRAME_MS) * FRAME_MS;
  const aMs = ear.endDecidedAtMs - turn.lastSpeechAtMs - groupMs;
  const bMs = request.requestAtMs - ear.endSentAtMs;
  const cMs = clause.textAtMs - firstTokenAtMs;
  const dMs = firstMediaAtMs - clause.firstAudioAtMs;
  const modelMs = firstTokenAtMs - request.requestAtMs;
  const voiceMs = clause.firstAudioAtMs - clause.textAtMs;
  const waitMs = firstMediaAtMs - turn.lastSpeechAtMs;
  return {
    groupingMs: groupMs - ear.silenceMs,
    aMs,
    bMs,
    cMs,
    dMs,
    ownWorkMs: aMs + bMs + dMs,
    addedMs: waitMs - ear.silenceMs - modelMs - voiceMs,
  };
}

/** Every request for a turn but the last was a draft that nobody heard. */
function wasteShare(asked: ReadonlyMap<string, readonly AskedReply[]>): number {
  let wasted = 0;
  let total = 0;
  for (const requests of asked.values()) {
    requests.forEach(({ tokensSent }, i) => {
      total += tokensSent;
      if (i < requests.length - 1) wasted += tokensSent;
    });
  }
  return total === 0 ? 0 : wasted / total;
}

function groupByToken<T extends { readonly token: string }>(
  list: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(list, (item) => item.token);
}
