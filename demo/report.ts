/** The report: one HTML file with the sound, the pictures and the figures in it. No network. */
import { judgeFigures } from './audit.ts';
import type { SpanName } from './audit/turns.ts';
import {
  escapeHtml,
  MARK_LABELS,
  MARK_SIGNS,
  TIMELINE_BUCKETS,
  timelineSvg,
  waterfallSvg,
} from './report-plots.ts';
import { REPORT_CSS, REPORT_SCRIPT } from './report-style.ts';
import type { Judged, Summary } from './summary.ts';
import { machineNote, SPAN_LABELS } from './terminal-report.ts';
import { clock, type Entry, type Names, type Transcript } from './transcript.ts';
import { peaks } from './wav.ts';

export type ReportParts = {
  readonly summary: Summary;
  /** The call that is shown: the last one. */
  readonly judged: Judged;
  readonly transcript: Transcript;
  readonly names: Names;
  readonly wav: Uint8Array;
};

export function renderReport({ summary, judged, transcript, names, wav }: ReportParts): string {
  const { run, audit } = judged;
  const audio = Buffer.from(wav.buffer, wav.byteOffset, wav.length).toString('base64');
  const timeline = timelineSvg(
    transcript,
    {
      caller: peaks(run.recording.caller, TIMELINE_BUCKETS),
      companion: peaks(run.recording.companion, TIMELINE_BUCKETS),
    },
    names,
  ).replace('<svg ', `<svg data-duration-ms="${recordedMs(run.recording.caller)}" `);
  const waterfall = waterfallSvg(audit.turns);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(transcript.title)} · Hearthline</title>
<style>${REPORT_CSS}</style>
</head>
<body>
<main>
<header>
<p class="soft">Hearthline demo · scenario <strong>${escapeHtml(summary.scenario)}</strong> · <time datetime="${transcript.startedAt}">${transcript.startedAt.replace('T', ' ').slice(0, 16)} UTC</time> · ${clock(transcript.durationMs)}</p>
<h1>${escapeHtml(transcript.title)}</h1>
<p>${escapeHtml(run.scenario.about)}</p>
${verdictHtml(summary)}
</header>
<h2>The call</h2>
<div class="card">
<audio controls preload="metadata" src="data:audio/wav;base64,${audio}" aria-label="Recording of the call: ${escapeHtml(names.caller)} on the left, ${escapeHtml(names.companion)} on the right"></audio>
<div class="scroll">${timeline}</div>
${timelineLegend(transcript, names)}
</div>
<h2>What was promised, and what was measured</h2>
<div class="card scroll">${figuresTable(summary)}${machineNote(summary)
    .map((note) => `<p class="soft">${escapeHtml(note)}</p>`)
    .join('')}</div>
${waterfall === '' ? '' : waterfallSection(waterfall, summary)}
<h2>Who said what, and what was heard</h2>
<div class="card">
<p class="soft">Only what came out of the earpiece counts as said. <del>Struck</del> words were written and never heard.</p>
<ol class="talk">
${transcript.entries.map((entry) => entryHtml(entry, names)).join('\n')}
</ol>
</div>
<footer><p class="soft">Judged by the emulators' own logs and by the words carried inside the sound that was played. Own work is the server's own measure.</p></footer>
</main>
<script>${REPORT_SCRIPT}</script>
</body>
</html>
`;
}

function recordedMs(track: Uint8Array): number {
  return Math.max(1, track.length / 8);
}

function verdictHtml(summary: Summary): string {
  if (summary.pass) return '<p class="verdict good">✓ Every promise was kept</p>';
  const failures = summary.failures.map((failure) => `<li>${escapeHtml(failure)}</li>`).join('');
  return `<p class="verdict bad">✗ Promises were broken</p><ul class="failures">${failures}</ul>`;
}

function timelineLegend(transcript: Transcript, names: Names): string {
  const seen = new Set(
    transcript.entries.flatMap((entry) => (entry.who === 'event' ? [entry.what] : [])),
  );
  const marks = [...seen]
    .map((what) => `<li>${MARK_SIGNS[what]} ${MARK_LABELS[what]}</li>`)
    .join('');
  return `<ul class="legend"><li><i style="background:var(--caller)"></i>${escapeHtml(names.caller)}</li><li><i style="background:var(--companion)"></i>${escapeHtml(names.companion)}</li>${marks}</ul>`;
}

function figuresTable(summary: Summary): string {
  const rows = judgeFigures(summary).map(({ name, value, limit, unit, pass }) => {
    const shown = value === null ? 'not measured' : `${value} ${unit}`.trim();
    const sign =
      value === null
        ? '<span class="soft">–</span>'
        : pass
          ? '<span class="good">✓ kept</span>'
          : '<span class="bad">✗ broken</span>';
    return `<tr><td>${name}</td><td class="n">${shown}</td><td class="n">≤ ${`${limit} ${unit}`.trim()}</td><td>${sign}</td></tr>`;
  });
  return `<table><thead><tr><th scope="col">Figure</th><th scope="col" class="n">Measured</th><th scope="col" class="n">Promised</th><th scope="col">Verdict</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function waterfallSection(svg: string, summary: Summary): string {
  const legend = (Object.keys(SPAN_LABELS) as SpanName[])
    .map((name) => `<li><i style="background:var(--${name})"></i>${SPAN_LABELS[name]}</li>`)
    .join('');
  const cell = (value: number | null): string => `<td class="n">${value ?? '–'}</td>`;
  const rows = summary.turns.map(
    (turn) =>
      `<tr><td>${escapeHtml(turn.said)}</td><td>${turn.kind}</td>${cell(turn.waitMs)}${cell(turn.addedMs)}${cell(turn.eagerMs)}</tr>`,
  );
  return `<h2>Where the time went</h2>
<div class="card">
<p class="soft">From the caller's last speech frame to the first sound of the answer. Where the end could be seen coming, the answer was drafted meanwhile: the lower bar of a row.</p>
<div class="scroll">${svg}</div>
<ul class="legend">${legend}</ul>
<details><summary>The same as a table</summary><div class="scroll"><table><thead><tr><th scope="col">The caller said</th><th scope="col">Turn</th><th scope="col" class="n">Waited, ms</th><th scope="col" class="n">Added, ms</th><th scope="col" class="n">After end of turn, ms</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></details>
</div>`;
}

function entryHtml(entry: Entry, names: Names): string {
  const end = entry.who === 'event' ? entry.atMs : entry.endMs;
  const open = `<li data-from="${entry.atMs}" data-to="${end}"><button type="button" aria-label="Play from ${clock(entry.atMs)}">${clock(entry.atMs)}</button>`;
  if (entry.who === 'event') {
    return `${open}<span></span><span class="what event ${entry.what}">${escapeHtml(entry.text)}</span></li>`;
  }
  const cut =
    entry.who === 'companion' && entry.cut !== '' ? ` <del>${escapeHtml(entry.cut)}</del>` : '';
  return `${open}<span class="who ${entry.who}">${escapeHtml(names[entry.who])}</span><span class="what">${escapeHtml(entry.text)}${cut}</span></li>`;
}
