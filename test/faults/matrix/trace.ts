/** What happened in a cell, as text for whoever looks into a failure. Never for judgement. */
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import { cellName, type Cell } from './cells.ts';
import type { World } from './world.ts';

/** What the carrier and the server last said to each other, for whoever looks into a leak. */
export function leftTrace({ emulators, events }: World): string {
  const rows = [
    ...events.flatMap((event) => (LAST_WORDS.has(event.what) ? [{ ...event, by: 'server' }] : [])),
    ...emulators.twilio.log.entries.flatMap((entry) =>
      entry.what === 'webhook-answered' || entry.what === 'call-ended'
        ? [{ ...entry, by: 'twilio' }]
        : [],
    ),
  ];
  return rows
    .toSorted((a, b) => a.atMs - b.atMs)
    .map((row) => `left   ${JSON.stringify(row).slice(0, 240)}`)
    .join('\n');
}

const LAST_WORDS: ReadonlySet<string> = new Set(['stream-closed', 'ending', 'call-ended']);

/** One call from its answer on: the server's events, what was heard, the carrier, the recognisers. */
export function traceOf(cell: Cell, leg: CallerLeg, world: World): string {
  const zero = leg.answeredAtMs ?? 0;
  const at = (ms: number): string => (Math.round(ms) / 1000).toFixed(2).padStart(7);
  const rows: { atMs: number; text: string }[] = [];
  for (const event of world.events) {
    if (event.callSid !== leg.callSid) continue;
    const { callSid: _sid, atMs, what, ...rest } = event;
    rows.push({ atMs: atMs - zero, text: `server ${what} ${JSON.stringify(rest)}` });
  }
  for (const word of leg.playout.heardWords()) {
    rows.push({ atMs: word.lineStartMs, text: `heard  ${word.text}${word.damaged ? ' (!)' : ''}` });
  }
  for (const entry of world.emulators.twilio.log.entries) {
    if (!('callSid' in entry) || entry.callSid !== leg.callSid) continue;
    if (!TRACED.has(entry.what)) continue;
    const { what, atMs, callSid: _sid, ...rest } = entry;
    rows.push({ atMs: atMs - zero, text: `twilio ${what} ${JSON.stringify(rest).slice(0, 200)}` });
  }
  for (const entry of world.emulators.deepgram.log.entries) {
    if (entry.what !== 'sent' && entry.what !== 'fault' && entry.what !== 'connect') continue;
    if (entry.what === 'sent' && entry.name === 'Update') continue;
    const { what, atMs, ...rest } = entry;
    rows.push({
      atMs: atMs - zero,
      text: `deepgram ${what} ${JSON.stringify(rest).slice(0, 400)}`,
    });
  }
  return [
    cellName(cell),
    ...rows.toSorted((a, b) => a.atMs - b.atMs).map((row) => `${at(row.atMs)} ${row.text}`),
  ].join('\n');
}

const TRACED = new Set([
  'speech-started',
  'speech-last-word',
  'speech-ended',
  'stream-started',
  'stream-ended',
  'clear',
  'call-ended',
  'error',
  'verb-started',
  'playout-started',
  'playout-ended',
]);
