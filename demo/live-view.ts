/**
 * The conversation on the terminal while it happens. The companion's words appear as they come out
 * of the caller's earpiece, the caller's as they are spoken; what was cut is struck through.
 */
import { monotonicMs } from '../emulators/clock.ts';
import type { ClearRecord } from '../emulators/twilio/types.ts';
import type { TimedCallEvent } from '../src/events.ts';
import type { Ink } from './ink.ts';
import type { LiveCall, Watcher } from './run.ts';
import { clock } from './transcript.ts';

const POLL_MS = 40;
const NAME_CHARS = 10;

type Speaker = 'caller' | 'companion';

/** @param write takes text as it is, for the terminal. */
export function createLiveView(ink: Ink, write: (text: string) => void): Watcher {
  return {
    watch: (live) => {
      const view = new View(live, ink, write);
      const timer = setInterval(() => view.look(), POLL_MS);
      return () => {
        clearInterval(timer);
        view.look();
        view.close();
      };
    },
  };
}

class View {
  readonly #live: LiveCall;
  readonly #ink: Ink;
  readonly #write: (text: string) => void;
  #words = 0;
  #clears = 0;
  #events = 0;
  /** The caller's line and word that are shown next. */
  #line = 0;
  #lineWord = 0;
  #speaker: Speaker | undefined;
  #column = 0;

  constructor(live: LiveCall, ink: Ink, write: (text: string) => void) {
    this.#live = live;
    this.#ink = ink;
    this.#write = write;
  }

  /** Shows what has happened since the last look, in its order. */
  look(): void {
    const news = [...this.#callerNews(), ...this.#companionNews(), ...this.#eventNews()];
    for (const { show } of news.toSorted((a, b) => a.atMs - b.atMs)) show();
  }

  close(): void {
    if (this.#column > 0) this.#write('\n');
    this.#column = 0;
  }

  *#callerNews(): Generator<News> {
    const nowMs = monotonicMs();
    for (;;) {
      const line = this.#live.speaking[this.#line];
      if (!line) return;
      const word = line.words[this.#lineWord];
      if (!word) {
        this.#line += 1;
        this.#lineWord = 0;
        continue;
      }
      const atMs = line.startedAtMs + word.startMs;
      if (atMs > nowMs) return;
      this.#lineWord += 1;
      yield { atMs, show: () => this.#say('caller', atMs, word.text) };
    }
  }

  *#companionNews(): Generator<News> {
    const { playout } = this.#live.leg;
    for (const word of playout.heardWords().slice(this.#words)) {
      this.#words += 1;
      const atMs = word.startedAtMs;
      yield { atMs, show: () => this.#say('companion', atMs, word.text) };
    }
    for (const clear of playout.clears().slice(this.#clears)) {
      this.#clears += 1;
      if (clear.reason !== 'clear' || clear.flushedBytes === 0) continue;
      yield { atMs: clear.atMs, show: () => this.#showCut(clear) };
    }
  }

  *#eventNews(): Generator<News> {
    for (const event of this.#live.events.slice(this.#events)) {
      this.#events += 1;
      if (event.callSid !== this.#live.leg.callSid) continue;
      const note = noteOf(event);
      if (note) yield { atMs: event.atMs, show: () => this.#note(event.atMs, note) };
    }
  }

  #say(who: Speaker, atMs: number, text: string): void {
    if (this.#speaker !== who || this.#column === 0) this.#begin(who, atMs);
    this.#put(text, text);
  }

  #showCut(clear: ClearRecord): void {
    const words = [...(clear.cutWord ? [clear.cutWord.text] : []), ...clear.flushedWords];
    const { colour } = this.#ink;
    // A word of which only the beginning had been received has a tail that nobody knows.
    const known = words.filter((word) => !word.includes('~'));
    if (known.length > 0) {
      if (this.#speaker !== 'companion') this.#begin('companion', clear.atMs);
      if (!colour) this.#put('[cut:', '[cut:');
      for (const word of known) this.#put(word, this.#ink.paint('struck', word));
      if (!colour) this.#put(']', ']');
    }
    this.#note(clear.atMs, { style: 'bad', text: '✂ interrupted' });
  }

  #note(atMs: number, note: Note): void {
    this.close();
    const indent = ' '.repeat(this.#stamp(atMs).length + NAME_CHARS + 1);
    this.#write(`${indent}${this.#ink.paint(note.style, note.text)}\n`);
    this.#speaker = undefined;
  }

  #begin(who: Speaker, atMs: number): void {
    this.close();
    const name = who === 'caller' ? this.#live.scenario.person.name : 'Companion';
    const stamp = this.#stamp(atMs);
    const label = name.padEnd(NAME_CHARS).slice(0, NAME_CHARS);
    this.#write(`${this.#ink.paint('dim', stamp)}${this.#ink.paint(who, label)} `);
    this.#column = stamp.length + NAME_CHARS + 1;
    this.#speaker = who;
  }

  /** Adds a word to the line, breaking it where the terminal ends. */
  #put(plain: string, painted: string): void {
    const indent = this.#stamp(0).length + NAME_CHARS + 1;
    if (this.#column + plain.length + 1 > this.#ink.columns) {
      this.#write(`\n${' '.repeat(indent)}`);
      this.#column = indent;
    }
    const gap = this.#column > indent ? ' ' : '';
    this.#write(gap + painted);
    this.#column += gap.length + plain.length;
  }

  #stamp(atMs: number): string {
    const sinceMs = atMs === 0 ? 0 : atMs - (this.#live.leg.answeredAtMs ?? atMs);
    return `${clock(sinceMs).padStart(7)}  `;
  }
}

type News = { readonly atMs: number; readonly show: () => void };
type Note = { readonly style: 'dim' | 'good' | 'bad'; readonly text: string };

/** What of the server's events a watcher wants to see. */
export function noteOf(event: TimedCallEvent): Note | undefined {
  switch (event.what) {
    case 'heard':
      if (event.state === 'eager-end') return dim('«thinking ahead»');
      return event.state === 'resumed' ? dim('«goes on: draft dropped»') : undefined;
    case 'reply-asked':
      return event.draft ? undefined : dim('«thinking»');
    case 'caller-said':
      return event.backchannel ? dim(`«“${event.text}” is only a nod»`) : undefined;
    case 'filler':
      return dim('«still thinking»');
    case 'answered-by':
      return dim(`«answered by: ${event.who}»`);
    case 'alert-raised':
      return {
        style: 'bad',
        text: `⚠ ALERT ${event.category} (${event.severity}): “${event.evidence}”`,
      };
    case 'vendor-failed':
      return { style: 'bad', text: `${event.vendor} failed: ${event.failure}` };
    case 'ladder-moved':
      return { style: 'bad', text: `${event.service}: ${event.from} → ${event.to}` };
    case 'ending':
      return dim(`«ending: ${event.reason}»`);
    case 'call-ended':
      return { style: 'good', text: `✓ call ended: ${event.reason}` };
    default:
      return undefined;
  }
}

function dim(text: string): Note {
  return { style: 'dim', text };
}
