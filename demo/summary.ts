/** What the demo says at the end, for machines. */
import { figuresOf, judgeFigures, type Audit, type Figures } from './audit.ts';
import type { AuditedTurn } from './audit/turns.ts';
import type { Run } from './run.ts';

export type Judged = { readonly run: Run; readonly audit: Audit };

/** The files of the last call. Absolute paths. */
export type Files = { readonly wav: string; readonly transcript: string; readonly report: string };

export type Summary = Figures & {
  readonly pass: boolean;
  readonly scenario: string;
  readonly calls: number;
  readonly turns: readonly SummaryTurn[];
  readonly interruptions: readonly {
    readonly text: string;
    readonly bargeInMs: number | null;
    readonly heardWords: number;
    readonly heardWordError: number | null;
  }[];
  readonly files: Files;
  /** Every broken promise in words; empty when `pass`. */
  readonly failures: readonly string[];
  /**
   * Longest time that this process, with the emulators in it, was kept from running. Where it is
   * large the machine was busy, and the figures say more about the machine than about the server.
   */
  readonly emulatorsHeldUpMs: number;
};

export type SummaryTurn = {
  readonly said: string;
  readonly reply: string | null;
  readonly kind: AuditedTurn['kind'];
  readonly waitMs: number | null;
  readonly addedMs: number | null;
  readonly eagerMs: number | null;
  /** What was waited for, milliseconds from the caller's last speech frame. */
  readonly spans: AuditedTurn['spans'];
};

export function summarise(
  judged: readonly Judged[],
  files: Files,
  emulatorsHeldUpMs: number,
): Summary {
  const figures = figuresOf(
    judged.map(({ run, audit }) => ({
      evidence: run.evidence,
      turns: audit.turns,
      interruptions: audit.interruptions,
    })),
  );
  const broken = judgeFigures(figures)
    .filter((verdict) => !verdict.pass)
    .map(({ name, value, limit, unit }) => `${name}: ${value} ${unit} (limit ${limit})`);
  const failures = [...broken, ...judged.flatMap(({ audit }) => audit.failures)];
  return {
    pass: failures.length === 0,
    scenario: judged[0]?.run.scenario.name ?? '',
    calls: judged.length,
    ...figures,
    turns: judged.flatMap(({ audit }) => audit.turns.map(summaryTurn)),
    interruptions: judged.flatMap(({ audit }) =>
      audit.interruptions.map(({ text, bargeInMs, heardWords, heardWordError }) => ({
        text,
        bargeInMs: bargeInMs ?? null,
        heardWords,
        heardWordError: heardWordError ?? null,
      })),
    ),
    files,
    failures,
    emulatorsHeldUpMs,
  };
}

function summaryTurn(turn: AuditedTurn): SummaryTurn {
  return {
    said: turn.text,
    reply: turn.reply ?? null,
    kind: turn.kind,
    waitMs: turn.waitMs ?? null,
    addedMs: turn.addedMs ?? null,
    eagerMs: turn.eagerMs ?? null,
    spans: turn.spans,
  };
}
