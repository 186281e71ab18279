/** Style and script of the report. Nothing is fetched from anywhere. */

export const REPORT_CSS = `
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --card: #ffffff; --ink: #23201b; --soft: #6a645a; --line: #e3ded4;
  --caller: #b4580f; --companion: #0b6e77; --good: #1d7a3a; --bad: #b3261e;
  --stt: #e3b23c; --grouping: #c98a1b; --ask: #b3261e; --model: #5b6fc7; --clause: #93a4ea;
  --voice: #2a9d9d; --own: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171512; --card: #211e1a; --ink: #efe9df; --soft: #aaa294; --line: #3a352e;
    --caller: #f0a35c; --companion: #5fc4cc; --good: #6bd08a; --bad: #ff8a80;
    --stt: #d9a93a; --grouping: #f0cd7a; --ask: #ff8a80; --model: #7f92ea; --clause: #b3c0ff;
    --voice: #4cc3c3; --own: #ff8a80;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font: 600 2.1rem/1.2 ui-serif, Georgia, serif; margin: 0 0 .4rem; }
h2 { font: 600 1.25rem/1.3 ui-serif, Georgia, serif; margin: 2.6rem 0 .8rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.1rem; }
.verdict { display: inline-block; margin-top: .9rem; padding: .3rem .9rem; border-radius: 99px;
  font-weight: 600; border: 1.5px solid currentColor; }
.good { color: var(--good); } .bad { color: var(--bad); }
audio { width: 100%; margin-bottom: .8rem; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 44rem; height: auto; font: 13px ui-sans-serif, system-ui, sans-serif; }
#timeline { cursor: pointer; }
.grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 11px; }
.wave.caller { fill: var(--caller); } .wave.companion { fill: var(--companion); }
.said.caller { fill: var(--caller); opacity: .13; } .said.companion { fill: var(--companion); opacity: .13; }
.mark line { stroke: var(--soft); stroke-dasharray: 2 3; opacity: .55; }
.mark text { text-anchor: middle; font-size: 17px; fill: var(--soft); }
.mark.barge-in text, .mark.alert text { fill: var(--bad); }
.mark.barge-in line, .mark.alert line { stroke: var(--bad); opacity: .9; }
#playhead { stroke: var(--ink); stroke-width: 2; }
.span.stt { fill: var(--stt); } .span.grouping { fill: var(--grouping); } .span.ask { fill: var(--ask); }
.span.model { fill: var(--model); } .span.clause { fill: var(--clause); } .span.voice { fill: var(--voice); }
.span.own { fill: var(--own); }
.heard { stroke: var(--ink); stroke-width: 1.5; }
.said-text { fill: var(--ink); } .kind { fill: var(--soft); font-size: 11px; }
.figure { fill: var(--ink); font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0 0;
  color: var(--soft); font-size: .9rem; }
.legend i { display: inline-block; width: .85rem; height: .85rem; border-radius: 3px; margin-right: .4rem; vertical-align: -1px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .42rem .8rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; } td.n, th.n { text-align: right; }
ol.talk { list-style: none; margin: 0; padding: 0; }
ol.talk li { display: grid; grid-template-columns: 4.6rem 7rem 1fr; gap: .6rem; padding: .32rem .4rem; border-radius: 8px; }
ol.talk li.now { background: color-mix(in srgb, var(--companion) 14%, transparent); }
ol.talk button { all: unset; cursor: pointer; color: var(--soft); font-variant-numeric: tabular-nums; }
ol.talk button:hover { text-decoration: underline; }
ol.talk button:focus-visible { outline: 2px solid var(--companion); border-radius: 4px; }
.who { font-weight: 600; } .who.caller { color: var(--caller); } .who.companion { color: var(--companion); }
.event { color: var(--soft); font-style: italic; } .event.alert { color: var(--bad); font-style: normal; font-weight: 600; }
del { color: var(--soft); } ul.failures { color: var(--bad); margin: .8rem 0 0; padding-left: 1.2rem; }
@media (max-width: 40rem) { ol.talk li { grid-template-columns: 4.2rem 1fr; } ol.talk .what { grid-column: 1 / -1; } }
@media print { audio { display: none; } }
`;

export const REPORT_SCRIPT = `
const audio = document.querySelector('audio');
const timeline = document.getElementById('timeline');
const playhead = document.getElementById('playhead');
const items = [...document.querySelectorAll('ol.talk li')];
const width = timeline.viewBox.baseVal.width;
const durationMs = Number(timeline.dataset.durationMs);
function show() {
  const ms = audio.currentTime * 1000;
  const x = String((ms / durationMs) * width);
  playhead.setAttribute('x1', x);
  playhead.setAttribute('x2', x);
  for (const item of items) {
    const now = ms > 0 && ms >= Number(item.dataset.from) && ms <= Number(item.dataset.to);
    item.classList.toggle('now', now);
  }
  if (!audio.paused) requestAnimationFrame(show);
}
audio.addEventListener('play', show);
audio.addEventListener('seeked', show);
timeline.addEventListener('click', (event) => {
  const box = timeline.getBoundingClientRect();
  audio.currentTime = (((event.clientX - box.left) / box.width) * durationMs) / 1000;
});
for (const item of items) {
  item.querySelector('button').addEventListener('click', () => {
    audio.currentTime = Number(item.dataset.from) / 1000;
    audio.play();
  });
}
`;
