/** What the demo says at the end, for machines. */
import { figuresOf, judgeFigures, undisturbed, type Audit, type Figures } from './audit.ts';
import type { AuditedTurn } from './audit/turns.ts';
import type { MachineWatch } from './machine-watch.ts';
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
  readonly machine: MachineFacts;
};

/** How far the machine let itself be measured on. */
export type MachineFacts = {
  /** Longest time that this process, with the emulators in it, was kept from running. */
  readonly longestHoldUpMs: number;
  /** Turns left out of the latency figures because of that; they are among `turns` all the same. */
  readonly turnsLeftOut: number;
  /** Share of processor time that the host kept for others; null where unknown. */
  readonly stealPercent: number | null;
};

export type SummaryTurn = {
  readonly said: string;
  readonly reply: string | null;
  readonly kind: AuditedTurn['kind'];
  readonly waitMs: number | null;
  readonly addedMs: number | null;
  readonly eagerMs: number | null;
  /** How long the emulators were kept from running meanwhile. */
  readonly heldUpMs: number;
  /** What was waited for, milliseconds from the caller's last speech frame. */
  readonly spans: AuditedTurn['spans'];
};

export function summarise(
  judged: readonly Judged[],
  files: Files,
  watch: Pick<MachineWatch, 'longestMs' | 'stealPercent'>,
  judgesLatency = true,
): Summary {
  const figures = figuresOf(
    judged.map(({ run, audit }) => ({
      evidence: run.evidence,
      turns: audit.turns,
      interruptions: audit.interruptions,
    })),
  );
  const turns = judged.flatMap(({ audit }) => audit.turns);
  const broken = judgeFigures(figures)
    .filter((verdict) => !verdict.pass && (judgesLatency || !verdict.isLatency))
    .map(({ name, value, limit, unit }) => `${name}: ${value} ${unit} (limit ${limit})`);
  const failures = [...broken, ...judged.flatMap(({ audit }) => audit.failures)];
  return {
    pass: failures.length === 0,
    scenario: judged[0]?.run.scenario.name ?? '',
    calls: judged.length,
    ...figures,
    turns: turns.map(summaryTurn),
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
    machine: {
      longestHoldUpMs: Math.round(watch.longestMs()),
      turnsLeftOut: turns.length - undisturbed(turns).length,
      stealPercent: watch.stealPercent() ?? null,
    },
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
    heldUpMs: turn.heldUpMs,
    spans: turn.spans,
  };
}
