/** After the call: where the time went, turn by turn, and whether every promise was kept. */
import { judgeFigures, type Audit } from './audit.ts';
import type { AuditedTurn, SpanName } from './audit/turns.ts';
import type { Ink } from './ink.ts';
import type { Summary } from './summary.ts';

export const SPAN_LABELS: Readonly<Record<SpanName, string>> = {
  stt: 'STT decides',
  grouping: 'audio grouping',
  ask: 'asking',
  model: 'model first token',
  clause: 'first clause',
  voice: 'voice first byte',
  own: 'sending',
};

const LETTERS: Readonly<Record<SpanName, string>> = {
  stt: '░',
  grouping: '▒',
  ask: '!',
  model: '▓',
  clause: '+',
  voice: '=',
  own: '█',
};

/** Later spans win where they overlap what is waited for anyway. */
const ORDER: readonly SpanName[] = ['model', 'clause', 'voice', 'stt', 'grouping', 'ask', 'own'];

const TEXT_CHARS = 26;
const FIGURE_CHARS = 26;

export function waterfall(audit: Audit, ink: Ink): string {
  const measured = audit.turns.filter((turn) => turn.spans.length > 0);
  if (measured.length === 0) return '';
  const barChars = Math.max(20, ink.columns - TEXT_CHARS - FIGURE_CHARS - 4);
  const longestMs = Math.max(...measured.map((turn) => turn.waitMs ?? 0));
  const rows = measured.map((turn) => {
    const text = clip(turn.text, TEXT_CHARS).padEnd(TEXT_CHARS);
    return `${text}  ${bar(turn, longestMs, barChars, ink)}  ${figureOf(turn)}`;
  });
  const legend = (Object.keys(SPAN_LABELS) as SpanName[])
    .map((name) => `${ink.paint(name, LETTERS[name])} ${SPAN_LABELS[name]}`)
    .join('   ');
  return [
    ink.paint('bold', 'From the last word to the first sound of the answer'),
    ...rows,
    legend,
    '',
  ].join('\n');
}

function bar(turn: AuditedTurn, longestMs: number, chars: number, ink: Ink): string {
  const cells = Array.from({ length: chars }, (): SpanName | undefined => undefined);
  const column = (ms: number): number => Math.round((ms / longestMs) * chars);
  for (const name of ORDER) {
    const span = turn.spans.find((each) => each.name === name);
    // What ran beside the STT's decision was not waited for: a draft.
    if (!span) continue;
    const from = Math.max(0, column(span.fromMs));
    const to = Math.min(chars, Math.max(column(span.toMs), name === 'own' ? from + 1 : from));
    for (let i = from; i < to; i += 1) cells[i] = name;
  }
  return cells.map((name) => (name ? ink.paint(name, LETTERS[name]) : ' ')).join('');
}

function figureOf(turn: AuditedTurn): string {
  const wait = `${Math.round(turn.waitMs ?? 0)} ms`.padStart(7);
  if (turn.addedMs !== undefined) return `${wait}, ${Math.round(turn.addedMs)} added`;
  if (turn.eagerMs !== undefined) return `${wait}, ${turn.eagerMs.toFixed(1)} after end`;
  return wait;
}

export function verdicts(summary: Summary, ink: Ink): string {
  const rows = judgeFigures(summary).map(({ name, value, limit, unit, pass }) => {
    const sign =
      value === null ? ink.paint('dim', '–') : ink.paint(pass ? 'good' : 'bad', pass ? '✓' : '✗');
    const shown = value === null ? 'not measured' : `${value} ${unit}`.trim();
    return `${sign} ${name.padEnd(40)} ${shown.padStart(13)}   (≤ ${limit})`;
  });
  const failures = summary.failures.map((failure) => ink.paint('bad', `✗ ${failure}`));
  const end = summary.pass
    ? ink.paint('good', 'Every promise was kept.')
    : ink.paint('bad', 'Promises were broken.');
  const busy = machineNote(summary);
  return [...rows, '', ...failures, ...busy.map((note) => ink.paint('dim', note)), end, ''].join(
    '\n',
  );
}

function clip(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars - 1)}…`;
}

/** What the reader has to know about the machine, where it was not at our disposal. */
export function machineNote({ machine }: Summary): string[] {
  const { longestHoldUpMs, turnsLeftOut, stealPercent } = machine;
  if (longestHoldUpMs <= BUSY_MS) return [];
  const steal = stealPercent === null ? '' : `, the host kept ${stealPercent} % of it for others`;
  const left =
    turnsLeftOut === 0
      ? ''
      : ` ${turnsLeftOut} ${turnsLeftOut === 1 ? 'turn is' : 'turns are'} left out of the latencies.`;
  return [
    `This machine was busy: the emulators were kept waiting for up to ${longestHoldUpMs} ms${steal}.${left}`,
  ];
}

const BUSY_MS = 30;
