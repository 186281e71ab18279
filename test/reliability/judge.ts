/** Gathers what emulators and database know of conversations, and has it judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import { auditTurns, type CallEvidence } from './audit.ts';
import type { Conversation } from './conversation.ts';
import { tokensIn } from './ledger.ts';
import type { World } from './world.ts';

export type Judgement = {
  readonly findings: readonly string[];
  readonly turnsCommitted: number;
  readonly turnsInTheWindow: number;
  readonly answersSaidAgain: number;
  /** Until everything was in the database; undefined: not within the time. */
  readonly completeAfterMs: number | undefined;
};

const POLL_MS = 250;

/** Looks again until nothing is missing, for `timeoutMs`; counts from now. */
export async function judgeTurns(
  world: World,
  conversations: readonly Conversation[],
  timeoutMs: number,
): Promise<Judgement> {
  const beganAtMs = monotonicMs();
  for (;;) {
    const judgement = await judgeNow(world, conversations).catch((error: unknown) => {
      return { findings: [`the database does not answer: ${String(error)}`], verdicts: [] };
    });
    const tookMs = monotonicMs() - beganAtMs;
    const { findings, verdicts } = judgement;
    if (findings.length > 0 && tookMs < timeoutMs) {
      await sleep(POLL_MS);
      continue;
    }
    const sum = (pick: (verdict: (typeof verdicts)[number]) => number): number =>
      verdicts.reduce((total, verdict) => total + pick(verdict), 0);
    return {
      findings,
      turnsCommitted: sum(({ committed }) => committed),
      turnsInTheWindow: sum(({ inTheWindow }) => inTheWindow),
      answersSaidAgain: sum(({ saidAgain }) => saidAgain),
      completeAfterMs: findings.length === 0 ? Math.round(tookMs) : undefined,
    };
  }
}

async function judgeNow(world: World, conversations: readonly Conversation[]) {
  const evidence = await Promise.all(conversations.map((each) => evidenceOf(world, each)));
  const verdicts = evidence.map(auditTurns);
  return { findings: verdicts.flatMap(({ findings }) => findings), verdicts };
}

async function evidenceOf(world: World, conversation: Conversation): Promise<CallEvidence> {
  const { call, callSid, said, losses } = conversation;
  const stored = await world.kept.turnsOf(callSid);
  return {
    name: `call ${call}`,
    // A socket that goes without a word: its process is gone.
    killedAtMs: losses.filter(({ how }) => how === 'lost').map(({ atMs }) => atMs),
    endedAtMs: conversation.end?.atMs,
    turns: said.map((turn) => ({
      token: turn.token,
      finalAtMs: world.ledger.finalAt(turn.token),
      heardAtMs: conversation.heard(turn.token).map(({ playedAtMs }) => playedAtMs),
      heardOutAtMs: conversation.heardOut(turn),
      unanswered: turn.unanswered,
    })),
    stored: stored.map(({ speaker, heard }) => ({ speaker, tokens: tokensIn(heard) })),
    views: world.ledger.viewsOf(call),
  };
}
