/**
 * The auditor: pure functions from what a call left behind to figures and a verdict. It judges by
 * the emulators' logs and by what came out of the caller's earpiece.
 */
import {
  callerWords,
  longestSilenceMs,
  mangledReplies,
  type Mangled,
} from './audit/completeness.ts';
import type { Evidence } from './audit/evidence.ts';
import { percentile, spread, tenth, type Spread } from './audit/figures.ts';
import {
  auditInterruptions,
  falseInterruptions,
  type AuditedInterruption,
} from './audit/interruptions.ts';
import { brokenKeeping, unkeptWords } from './audit/keeping.ts';
import { findReplies, type ModelReply } from './audit/replies.ts';
import { auditTurns, type AuditedTurn } from './audit/turns.ts';
import { heldUpWithin } from './machine-watch.ts';

/** `null`: there was nothing to measure it by. Milliseconds and counts. */
export type Figures = {
  readonly greetingMs: number | null;
  readonly addedMs: Spread | null;
  readonly eagerMs: Spread | null;
  readonly ownWorkMs: { readonly p99: number } | null;
  readonly bargeInMs: { readonly p99: number } | null;
  readonly falseInterruptions: number;
  readonly heardWordErrorMax: number | null;
  readonly lostWords: number | null;
  readonly doubledWords: number | null;
  /** Words of the call that are not in the database, or are there and were not said or heard. */
  readonly unkeptWords: number | null;
  readonly longestSilenceMs: number;
};

export type Audit = {
  readonly figures: Figures;
  readonly turns: readonly AuditedTurn[];
  readonly interruptions: readonly AuditedInterruption[];
  readonly mangled: readonly Mangled[];
  readonly replies: readonly ModelReply[];
  /** Promises broken by this one call, in words; figures are judged by `judgeFigures`. */
  readonly failures: readonly string[];
};

export function audit(evidence: Evidence): Audit {
  const replies = findReplies(evidence);
  const turns = auditTurns(evidence, replies);
  const interruptions = auditInterruptions(evidence, replies);
  const { machine = false } = evidence.expect;
  const mangled = machine ? [] : mangledReplies(evidence, replies, interruptions);
  const figures = figuresOf([{ evidence, turns, interruptions }]);
  const failures = [
    ...brokenExpectations(evidence, turns),
    ...brokenManners(evidence, interruptions, mangled),
    ...brokenKeeping(evidence),
  ];
  return { figures, turns, interruptions, mangled, replies, failures };
}

type Part = {
  readonly evidence: Evidence;
  readonly turns: readonly AuditedTurn[];
  readonly interruptions: readonly AuditedInterruption[];
};

/** Figures over one call or several of the same kind, whose turns are pooled. */
export function figuresOf(parts: readonly Part[]): Figures {
  const defined = <T>(values: readonly (T | undefined)[]): T[] =>
    values.filter((value) => value !== undefined);
  const turns = undisturbed(parts.flatMap((part) => part.turns));
  const interruptions = parts.flatMap((part) => part.interruptions);
  const words = defined(parts.map((part) => callerWords(part.evidence)));
  const greetings = defined(parts.map((part) => greetingMs(part.evidence)));
  const work = defined(parts.map((part) => ownWorkP99(part.evidence)));
  const bargeIn = percentile(defined(interruptions.map((each) => each.bargeInMs)), 0.99);
  const errors = defined(interruptions.map((each) => each.heardWordError));
  const unkept = defined(parts.map((part) => unkeptWords(part.evidence)));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    greetingMs: greetings.length === 0 ? null : Math.max(...greetings),
    addedMs: spread(defined(turns.map((turn) => turn.addedMs))) ?? null,
    eagerMs: spread(defined(turns.map((turn) => turn.eagerMs))) ?? null,
    ownWorkMs: work.length === 0 ? null : { p99: Math.max(...work) },
    bargeInMs: bargeIn === undefined ? null : { p99: bargeIn },
    falseInterruptions: sum(
      parts.map(({ evidence }) =>
        evidence.expect.machine === true ? 0 : falseInterruptions(evidence),
      ),
    ),
    heardWordErrorMax: errors.length === 0 ? null : Math.max(...errors),
    lostWords: words.length === 0 ? null : sum(words.map((each) => each.lost)),
    doubledWords: words.length === 0 ? null : sum(words.map((each) => each.doubled)),
    unkeptWords: unkept.length === 0 ? null : sum(unkept),
    longestSilenceMs: Math.max(0, ...parts.map((part) => longestSilenceMs(part.evidence))),
  };
}

/** Longer than this without the emulators running, and a turn's latency is the machine's. */
const HELD_UP_MS = 10;
/** With fewer undisturbed turns of a kind than this, all are taken, as they are. */
const MIN_TURNS = 3;

/**
 * The turns whose latency can be believed. A turn during which the emulators were kept from running
 * is left out, unless too few of its kind remain: nothing passes by having nothing to measure.
 */
export function undisturbed(turns: readonly AuditedTurn[]): AuditedTurn[] {
  return (['plain', 'eager', 'unjudged'] as const).flatMap((kind) => {
    const all = turns.filter((turn) => turn.kind === kind);
    const calm = all.filter((turn) => turn.heldUpMs <= HELD_UP_MS);
    return calm.length >= MIN_TURNS ? calm : all;
  });
}

/**
 * From Twilio's `start` to the first media, milliseconds. There is only one in a call, so it cannot
 * be left out like a turn: the time in which the emulators were kept from running is.
 */
function greetingMs(evidence: Evidence): number | undefined {
  const start = evidence.twilio.find((entry) => entry.what === 'stream-started');
  const media = evidence.twilio.find((entry) => entry.what === 'media' && entry.bytes > 0);
  if (!start || !media) return undefined;
  const heldUpMs = heldUpWithin(evidence.holdUps, start.atMs, media.atMs);
  return tenth(media.atMs - start.atMs - heldUpMs);
}

/** The server's own measure of its work: fact in → orders performed. */
function ownWorkP99(evidence: Evidence): number | undefined {
  const ended = evidence.events.findLast((event) => event.what === 'call-ended');
  return ended?.what === 'call-ended' && ended.work.count > 0 ? tenth(ended.work.p99) : undefined;
}

function brokenExpectations(evidence: Evidence, turns: readonly AuditedTurn[]): string[] {
  const { expect, end, events } = evidence;
  const failures: string[] = [];
  const check = (holds: boolean, failure: string): void => {
    if (!holds) failures.push(failure);
  };
  if (evidence.callerTrouble !== undefined) failures.push(evidence.callerTrouble);
  const byServer = end !== undefined && SERVER_ENDS.has(end.how);
  const endedRight = expect.endedBy === 'server' ? byServer : end?.how === 'caller-hung-up';
  check(
    endedRight,
    `the call should be ended by the ${expect.endedBy}, and ended: ${end?.how ?? 'not at all'}`,
  );
  const ended = events.findLast((event) => event.what === 'call-ended');
  const reason = ended?.what === 'call-ended' ? ended.reason : 'none';
  if (expect.endReason !== undefined) {
    check(reason === expect.endReason, `end reason ${reason} instead of ${expect.endReason}`);
  }
  if (expect.alert !== undefined) {
    const raised = events.some((e) => e.what === 'alert-raised' && e.category === expect.alert);
    check(raised, `no alert '${expect.alert}' was raised`);
  }
  const afterMs =
    evidence.beepEndedAtMs ?? evidence.lines.at(-1)?.result.lastSpeechFrameAtMs ?? -Infinity;
  const lastHeard = evidence.heard
    .filter((word) => word.startedAtMs >= afterMs)
    .map((word) => word.text)
    .join(' ');
  if (expect.lastWords) {
    check(expect.lastWords.test(lastHeard), `the last words heard were “${lastHeard}”`);
  }
  if (expect.unheard) {
    check(!expect.unheard.test(lastHeard), `something personal was heard: “${lastHeard}”`);
  }
  const answered = turns.filter((turn) => turn.firstMediaAtMs !== undefined).length;
  check(answered >= expect.answers, `${answered} turns were answered, not ${expect.answers}`);
  if (evidence.vendors.stt && evidence.vendors.model && evidence.vendors.voice) {
    for (const kind of ['plain', 'eager'] as const) {
      const wanted = (kind === 'plain' ? expect.plainTurns : expect.eagerTurns) ?? 0;
      const count = turns.filter((turn) => turn.kind === kind).length;
      check(count >= wanted, `${count} ${kind} turns could be measured, not ${wanted}`);
    }
  }
  check(
    evidence.serverExitCode === 0,
    `the server exited with ${evidence.serverExitCode ?? 'a signal'}`,
  );
  return failures;
}

const SERVER_ENDS: ReadonlySet<string> = new Set([
  'server-completed',
  'server-canceled',
  'hangup-verb',
  'twiml-ended',
]);

function brokenManners(
  evidence: Evidence,
  interruptions: readonly AuditedInterruption[],
  mangled: readonly Mangled[],
): string[] {
  const failures: string[] = [];
  for (const each of interruptions) {
    if (!each.clear) failures.push(`“${each.text}” did not stop the companion`);
    else if (evidence.vendors.stt && each.bargeInMs === undefined) {
      failures.push(`the STT never reported the word in “${each.text}” that decides`);
    }
    if (each.staleWords > 0) {
      failures.push(`${each.staleWords} words of the old reply were heard after the clear`);
    }
    if (each.staleMedia > 0) {
      failures.push(`${each.staleMedia} media messages arrived after the clear`);
    }
  }
  for (const each of mangled) {
    failures.push(
      `a reply was not heard as it was written (${each.wrong} words wrong, ` +
        `${each.damaged} damaged): “${each.reply}” → “${each.heard}”`,
    );
  }
  return failures;
}

/** One figure beside what was promised. */
export type Verdict = {
  readonly name: string;
  readonly value: number | null;
  readonly limit: number;
  readonly unit: 'ms' | 'words' | '';
  readonly pass: boolean;
  /** A figure that a busy machine alone can spoil. */
  readonly isLatency: boolean;
};

/** Every promised figure; one that could not be measured is not held against the call. */
export function judgeFigures(figures: Figures): Verdict[] {
  const verdict = (
    name: string,
    value: number | null | undefined,
    limit: number,
    unit: Verdict['unit'],
  ): Verdict => {
    const known = value ?? null;
    const pass = known === null || known <= limit;
    return { name, value: known, limit, unit, pass, isLatency: unit === 'ms' && limit < 1_000 };
  };
  return [
    verdict('Greeting after start', figures.greetingMs, 20, 'ms'),
    verdict('Added latency, plain turns, p50', figures.addedMs?.p50, 110, 'ms'),
    verdict('Added latency, plain turns, p95', figures.addedMs?.p95, 150, 'ms'),
    verdict('Eager turns after end of turn, p50', figures.eagerMs?.p50, 20, 'ms'),
    verdict('Eager turns after end of turn, p95', figures.eagerMs?.p95, 60, 'ms'),
    verdict('Own work per event, p99', figures.ownWorkMs?.p99, 5, 'ms'),
    verdict('Barge-in to clear, p99', figures.bargeInMs?.p99, 20, 'ms'),
    verdict('False interruptions', figures.falseInterruptions, 0, ''),
    verdict('Heard text off by at most', figures.heardWordErrorMax, 1, 'words'),
    verdict('Caller words lost', figures.lostWords, 0, 'words'),
    verdict('Caller words doubled', figures.doubledWords, 0, 'words'),
    verdict('Words missing in the database', figures.unkeptWords, 0, 'words'),
    verdict('Longest silence while the caller waits', figures.longestSilenceMs, 4_000, 'ms'),
  ];
}
