/** The two pictures of the report, as inline SVG: the call over time, and where the waits went. */
import type { AuditedTurn, SpanName } from './audit/turns.ts';
import { SPAN_LABELS } from './terminal-report.ts';
import { clock, type Entry, type EventName, type Transcript } from './transcript.ts';

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Drawing units; the picture scales to the page. */
const WIDTH = 1_200;

const TRACK_HEIGHT = 84;
const MARKS_HEIGHT = 46;
const AXIS_HEIGHT = 26;
const TIMELINE_HEIGHT = MARKS_HEIGHT + 2 * TRACK_HEIGHT + AXIS_HEIGHT;
const BUCKETS = 900;
export { BUCKETS as TIMELINE_BUCKETS };

export const MARK_SIGNS: Readonly<Record<EventName, string>> = {
  'barge-in': '✂',
  'eager-end': '◇',
  resumed: '↺',
  nod: '∿',
  alert: '⚠',
  ending: '◼',
  beep: '♪',
};

export const MARK_LABELS: Readonly<Record<EventName, string>> = {
  'barge-in': 'interrupted',
  'eager-end': 'answer drafted',
  resumed: 'draft dropped',
  nod: 'nod ignored',
  alert: 'alert raised',
  ending: 'ending',
  beep: 'beep',
};

/** Both voices over the whole call, marks above, a playhead that the page moves. */
export function timelineSvg(
  transcript: Transcript,
  peaks: { readonly caller: readonly number[]; readonly companion: readonly number[] },
  names: { readonly caller: string; readonly companion: string },
): string {
  const { durationMs, entries } = transcript;
  const x = (ms: number): number => round((ms / Math.max(1, durationMs)) * WIDTH);
  const callerTop = MARKS_HEIGHT;
  const companionTop = MARKS_HEIGHT + TRACK_HEIGHT;
  const spans = entries.flatMap((entry) => spanRect(entry, x, callerTop, companionTop));
  const marks = placeMarks(entries, x);
  const stepMs = durationMs > 60_000 ? 10_000 : 5_000;
  const ticks = Array.from({ length: Math.floor(durationMs / stepMs) + 1 }, (_, i) => {
    const at = x(i * stepMs);
    const label = clock(i * stepMs).replace(/\.0$/, '');
    return (
      `<line class="grid" x1="${at}" x2="${at}" y1="${MARKS_HEIGHT}" y2="${TIMELINE_HEIGHT - AXIS_HEIGHT}"/>` +
      `<text class="tick" x="${at + 3}" y="${TIMELINE_HEIGHT - 8}">${label}</text>`
    );
  });
  return [
    `<svg id="timeline" viewBox="0 0 ${WIDTH} ${TIMELINE_HEIGHT}" role="img" aria-labelledby="timeline-title">`,
    `<title id="timeline-title">Both voices over ${clock(durationMs)}: ${escapeHtml(names.caller)} above, ${escapeHtml(names.companion)} below, with marks for interruptions, drafts, nods and alerts</title>`,
    ...ticks,
    ...spans,
    wave('caller', peaks.caller, callerTop),
    wave('companion', peaks.companion, companionTop),
    ...marks,
    `<line id="playhead" x1="0" x2="0" y1="0" y2="${TIMELINE_HEIGHT - AXIS_HEIGHT}"/>`,
    '</svg>',
  ].join('\n');
}

function spanRect(
  entry: Entry,
  x: (ms: number) => number,
  callerTop: number,
  companionTop: number,
): string[] {
  if (entry.who === 'event') return [];
  const top = entry.who === 'caller' ? callerTop : companionTop;
  const width = Math.max(2, round(x(entry.endMs) - x(entry.atMs)));
  const title = `<title>${clock(entry.atMs)} ${escapeHtml(entry.text)}</title>`;
  return [
    `<rect class="said ${entry.who}" x="${x(entry.atMs)}" y="${top + 6}" width="${width}" height="${TRACK_HEIGHT - 12}" rx="4">${title}</rect>`,
  ];
}

/** Signs that would lie on one another stand in two rows. */
function placeMarks(entries: readonly Entry[], x: (ms: number) => number): string[] {
  let lastAt = -Infinity;
  let raised = false;
  return entries.flatMap((entry) => {
    if (entry.who !== 'event') return [];
    const at = x(entry.atMs);
    raised = at - lastAt < SIGN_WIDTH && !raised;
    lastAt = at;
    const signY = raised ? 14 : 34;
    const signX = Math.min(WIDTH - 10, Math.max(10, at));
    return [
      `<g class="mark ${entry.what}"><title>${clock(entry.atMs)} ${escapeHtml(entry.text)}</title>` +
        `<line x1="${at}" x2="${at}" y1="${signY + 6}" y2="${TIMELINE_HEIGHT - AXIS_HEIGHT}"/>` +
        `<text x="${signX}" y="${signY}">${MARK_SIGNS[entry.what]}</text></g>`,
    ];
  });
}

const SIGN_WIDTH = 18;

function wave(who: 'caller' | 'companion', peaks: readonly number[], top: number): string {
  const middle = top + TRACK_HEIGHT / 2;
  const half = TRACK_HEIGHT / 2 - 8;
  const step = WIDTH / Math.max(1, peaks.length);
  const edge = (sign: 1 | -1): string[] =>
    peaks.map(
      (peak, i) => `${round(i * step)},${round(middle - sign * Math.max(0.6, peak * half))}`,
    );
  const points = [...edge(1), ...edge(-1).toReversed()].join(' ');
  return `<polygon class="wave ${who}" points="${points}"/>`;
}

const ROW_HEIGHT = 46;
const BAR_HEIGHT = 15;
const LEFT = 330;
const RIGHT = 130;
const TOP = 30;
/** What one waits for is drawn above; what ran beside it, a draft, below. */
const BESIDE: ReadonlySet<SpanName> = new Set(['model', 'clause', 'voice']);

/** One row per turn: from the caller's last speech frame to the first media of the answer. */
export function waterfallSvg(turns: readonly AuditedTurn[]): string {
  const rows = turns.filter((turn) => turn.spans.length > 0);
  if (rows.length === 0) return '';
  const height = TOP + rows.length * ROW_HEIGHT + 10;
  const longestMs = Math.max(
    ...rows.flatMap((t) => [t.waitMs ?? 0, ...t.spans.map((s) => s.toMs)]),
  );
  const scale = (WIDTH - LEFT - RIGHT) / longestMs;
  const x = (ms: number): number => round(LEFT + ms * scale);
  const ticks = Array.from({ length: Math.floor(longestMs / 100) + 1 }, (_, i) => {
    const at = x(i * 100);
    return (
      `<line class="grid" x1="${at}" x2="${at}" y1="${TOP - 6}" y2="${height - 10}"/>` +
      `<text class="tick" text-anchor="middle" x="${at}" y="14">${i * 100} ms</text>`
    );
  });
  return [
    `<svg id="waterfall" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="waterfall-title">`,
    '<title id="waterfall-title">Latency of each turn, from the last speech frame of the caller to the first media of the answer; the same figures stand in the table below</title>',
    ...ticks,
    ...rows.map((turn, i) => waterfallRow(turn, TOP + i * ROW_HEIGHT, x)),
    '</svg>',
  ].join('\n');
}

function waterfallRow(turn: AuditedTurn, top: number, x: (ms: number) => number): string {
  const bars = turn.spans.map((span) => {
    const beside = turn.kind === 'eager' && BESIDE.has(span.name);
    const y = top + (beside ? BAR_HEIGHT + 3 : 0);
    const width = Math.max(1.5, round(x(span.toMs) - x(span.fromMs)));
    const ms = Math.round((span.toMs - span.fromMs) * 10) / 10;
    return (
      `<rect class="span ${span.name}" x="${x(span.fromMs)}" y="${y}" width="${width}" height="${BAR_HEIGHT}" rx="2">` +
      `<title>${SPAN_LABELS[span.name]}: ${ms} ms</title></rect>`
    );
  });
  const figure =
    turn.addedMs !== undefined
      ? `${turn.addedMs} ms added`
      : turn.eagerMs === undefined
        ? ''
        : `${turn.eagerMs} ms after end`;
  const text = turn.text.length <= 44 ? turn.text : `${turn.text.slice(0, 43)}…`;
  const endX = x(turn.waitMs ?? 0);
  return [
    `<text class="said-text" x="0" y="${top + 13}">${escapeHtml(text)}</text>`,
    `<text class="kind" x="0" y="${top + 29}">${turn.kind}, ${Math.round(turn.waitMs ?? 0)} ms in all</text>`,
    ...bars,
    `<line class="heard" x1="${endX}" x2="${endX}" y1="${top - 3}" y2="${top + 2 * BAR_HEIGHT + 6}"/>`,
    `<text class="figure" x="${WIDTH}" text-anchor="end" y="${top + 13}">${figure}</text>`,
  ].join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
