/**
 * `npm run demo`: places a scripted call against the real server over real sockets, shows it, judges
 * it by the emulators' logs, and leaves a recording, a transcript and a report.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { audit } from './audit.ts';
import { inkFor, type Ink } from './ink.ts';
import { createLiveView } from './live-view.ts';
import { parseOptions, USAGE, type DemoOptions } from './options.ts';
import { renderReport } from './report.ts';
import { MachineWatch } from './machine-watch.ts';
import { runScenario, type RunOptions } from './run.ts';
import { findScenario } from './scenarios/index.ts';
import type { Scenario } from './script.ts';
import { summarise, type Files, type Judged, type Summary } from './summary.ts';
import { verdicts, waterfall } from './terminal-report.ts';
import { buildTranscript, transcriptMarkdown } from './transcript.ts';
import { liveVendors, NO_LIVE_VENDORS, type LiveVendors } from './world.ts';
import { stereoWav } from './wav.ts';

const OUT = fileURLToPath(new URL('../out/demo/', import.meta.url));

async function demo(options: DemoOptions): Promise<boolean> {
  const scenario = findScenario(options.scenario);
  if (!scenario) throw new Error(`there is no scenario '${options.scenario}'`);
  const live = options.live ? liveVendors(process.env) : NO_LIVE_VENDORS;
  const ink = inkFor(process.stdout, process.env);
  const write = (text: string): void => {
    if (!options.json) process.stdout.write(text);
  };
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('stopped by a signal'));
  // Once: a second signal ends the process at once.
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const machine = new MachineWatch();
  write(heading(scenario, live, options, ink));
  const watcher = options.json ? undefined : createLiveView(ink, write);
  const folder = join(OUT, `${scenario.name}-${stampOf(new Date())}`);
  await mkdir(folder, { recursive: true });
  const judged: Judged[] = [];
  for (let call = 0; call < options.repeat && !stop.signal.aborted; call += 1) {
    if (options.repeat > 1) write(`${ink.paint('dim', `call ${call + 1} of ${options.repeat}`)}\n`);
    const logFile = join(folder, options.repeat > 1 ? `server-${call + 1}.log` : 'server.log');
    judged.push(await oneCall({ scenario, live, logFile, watcher, signal: stop.signal, machine }));
    const last = judged.at(-1);
    if (last) write(`\n${waterfall(last.audit, ink)}\n`);
  }
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  const summary = await leaveFiles(folder, judged, machine, !options.untimed);
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else write(`${verdicts(summary, ink)}${filesText(summary.files, ink)}`);
  return summary.pass && !stop.signal.aborted;
}

async function oneCall(options: RunOptions): Promise<Judged> {
  const run = await runScenario(options);
  return { run, audit: audit(run.evidence) };
}

/** Writes recording, transcript and report of the last call, and the summary of all. */
async function leaveFiles(
  folder: string,
  judged: readonly Judged[],
  machine: MachineWatch,
  judgesLatency: boolean,
): Promise<Summary> {
  const files: Files = {
    wav: join(folder, 'call.wav'),
    transcript: join(folder, 'transcript.json'),
    report: join(folder, 'report.html'),
  };
  const summary = summarise(judged, files, machine, judgesLatency);
  const last = judged.at(-1);
  if (!last) throw new Error('no call took place');
  const { run } = last;
  const transcript = buildTranscript(run, last.audit);
  const names = { caller: run.scenario.person.name, companion: 'Companion' };
  const wav = stereoWav(run.recording);
  await Promise.all([
    writeFile(files.wav, wav),
    writeFile(files.transcript, `${JSON.stringify(transcript, undefined, 2)}\n`),
    writeFile(join(folder, 'transcript.md'), transcriptMarkdown(transcript, names)),
    writeFile(join(folder, 'summary.json'), `${JSON.stringify(summary, undefined, 2)}\n`),
    writeFile(files.report, renderReport({ summary, judged: last, transcript, names, wav })),
  ]);
  return summary;
}

function heading(scenario: Scenario, live: LiveVendors, options: DemoOptions, ink: Ink): string {
  const real = Object.entries({ STT: live.stt, model: live.model, voice: live.voice })
    .filter(([, isReal]) => isReal)
    .map(([name]) => name);
  const vendors = options.live
    ? `Real vendors: ${real.length === 0 ? 'none, no keys are set' : real.join(', ')}.`
    : 'All vendors are emulated on loopback; the SDKs and sockets are real.';
  return `${ink.paint('bold', scenario.title)}\n${scenario.about}\n${ink.paint('dim', vendors)}\n\n`;
}

function filesText(files: Files, ink: Ink): string {
  return [
    `Report      ${files.report}`,
    `Recording   ${files.wav}`,
    `Transcript  ${files.transcript}`,
    '',
  ]
    .map((line) => ink.paint('dim', line))
    .join('\n');
}

function stampOf(at: Date): string {
  return at.toISOString().replaceAll(/[-:]/g, '').replace(/\..*$/, 'Z');
}

async function main(): Promise<void> {
  let options: DemoOptions;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    process.stderr.write(`demo: ${problem}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return;
  }
  try {
    process.exitCode = (await demo(options)) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

await main();
