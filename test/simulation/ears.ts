/**
 * Ears on virtual time: turn the caller's words into the events of a recogniser like Flux, late,
 * doubled, dropped, stalled. Events of one session stay in order, as on a socket.
 *
 * A session that is replaced because it stalled hears the open turn again from its beginning and
 * reports it under the same number. One that is replaced by the core's order hears only what the
 * core had not been told.
 */
import type { Input } from '../../src/conversation/types.ts';
import type { VirtualTime } from '../helpers/virtual-time.ts';
import type { Chance, Fault } from './script.ts';

const EAGER_AFTER_MS = 350;
const END_AFTER_MS = 700;

type Turn = {
  readonly sttTurn: number;
  words: string[];
  lastWordAt: number;
  eager: boolean;
  alarming: boolean;
};

export type EarsOptions = {
  readonly time: VirtualTime;
  readonly luck: Chance;
  readonly faults: ReadonlySet<Fault>;
  readonly eager: boolean;
  readonly tell: (input: Input) => void;
};

export class Ears {
  readonly #o: EarsOptions;
  #session = 0;
  #nextTurn = 0;
  #turn: Turn | undefined;
  #lastDelivery = 0;
  #stalled = false;
  #replaying = false;
  /** Words that the core has been told of in any form. */
  readonly #told = new Set<string>();
  /** Words spoken into a stalled session. */
  #missed: { word: string; alarming: boolean }[] = [];
  /** Turns whose final is under way. */
  #pending: Turn[] = [];
  /** A turn is open as far as the core was told; since when. */
  openSince: number | undefined;

  constructor(options: EarsOptions) {
    this.#o = options;
  }

  /** A word has just ended. */
  hears(word: string, alarming: boolean): void {
    if (this.#stalled || this.#replaying) {
      this.#missed.push({ word, alarming });
      return;
    }
    this.#take(word, alarming);
  }

  #take(word: string, alarming: boolean): void {
    const whole = this.#pending.length === 0;
    if (whole && !this.#replaying && this.#has('ears-stall') && this.#o.luck.hit(0.04))
      return this.#stall(word, alarming);
    const turn = this.#turn ?? this.#open(alarming);
    if (turn.eager) {
      turn.eager = false;
      this.#send({ kind: 'caller-resumed', sttTurn: turn.sttTurn, text: text(turn) }, turn);
    }
    turn.words.push(word);
    turn.lastWordAt = this.#o.time.now;
    if (!this.#has('partials-dropped') || this.#o.luck.hit(0.5)) this.#partial(turn);
    this.#watchForEnd(turn);
  }

  /** A sound that is no word: a turn opens, and may or may not be closed. */
  noise(closes: boolean): void {
    if (this.#turn || this.#stalled) return;
    const turn = this.#open(false);
    const junk = this.#has('finals-empty') && this.#o.luck.hit(0.4);
    this.#o.time.after(300, () => {
      if (this.#turn !== turn || turn.words.length > 0) return;
      if (junk) this.#send({ kind: 'caller-partial', sttTurn: turn.sttTurn, text: 'eh' }, turn);
      if (!closes) {
        // The recogniser forgets about it; the next word opens a turn of its own.
        this.#turn = undefined;
        return;
      }
      this.#close(turn, '');
    });
  }

  /** The core ordered a new session. */
  restart(): void {
    const turn = this.#turn;
    this.#session += 1;
    this.#turn = undefined;
    this.openSince = undefined;
    const turns = turn ? [...this.#pending, turn] : this.#pending;
    const again = [
      ...turns.flatMap((t) => t.words.map((word) => ({ word, alarming: t.alarming }))),
      ...this.#missed,
    ].filter(({ word }) => !this.#told.has(word));
    this.#pending = [];
    this.#missed = [];
    this.#stalled = false;
    this.#replay(again);
  }

  /** The stream is gone, and with it whatever was not understood yet. */
  deafen(): void {
    this.#session += 1;
    this.#turn = undefined;
    this.#missed = [];
    this.#pending = [];
    this.#stalled = false;
    this.#replaying = false;
    this.openSince = undefined;
  }

  /** Voice recognition is out of order for a while, and the keypad stands in. */
  fallBack(ms: number): void {
    this.deafen();
    this.#stalled = true;
    this.#o.tell({ kind: 'listening', state: 'keypad' });
    const session = this.#session;
    this.#o.time.after(ms, () => {
      if (session !== this.#session) return;
      this.#stalled = false;
      this.#missed = [];
      this.#o.tell({ kind: 'listening', state: 'voice' });
    });
  }

  #has(fault: Fault): boolean {
    return this.#o.faults.has(fault);
  }

  #open(alarming: boolean): Turn {
    this.#nextTurn += 1;
    const turn: Turn = {
      sttTurn: this.#nextTurn,
      words: [],
      lastWordAt: this.#o.time.now,
      eager: false,
      alarming,
    };
    this.#turn = turn;
    this.#send({ kind: 'caller-started', sttTurn: turn.sttTurn, text: '' }, turn);
    return turn;
  }

  #partial(turn: Turn): void {
    this.#send({ kind: 'caller-partial', sttTurn: turn.sttTurn, text: text(turn) }, turn);
  }

  #watchForEnd(turn: Turn): void {
    const { time, luck } = this.#o;
    const count = turn.words.length;
    const still = (): boolean => this.#turn === turn && turn.words.length === count;
    if (this.#o.eager) {
      time.after(EAGER_AFTER_MS + luck.between(-50, 100), () => {
        if (!still() || this.#stalled) return;
        turn.eager = true;
        this.#send({ kind: 'caller-eager-end', sttTurn: turn.sttTurn, text: text(turn) }, turn);
      });
    }
    time.after(END_AFTER_MS + luck.between(-100, 150), () => {
      if (still() && !this.#stalled) this.#close(turn, text(turn));
    });
  }

  #close(turn: Turn, said: string): void {
    const { luck, time } = this.#o;
    this.#turn = undefined;
    this.#pending.push(turn);
    const shown =
      luck.hit(0.3) && said !== '' ? `${said[0]!.toUpperCase()}${said.slice(1)}.` : said;
    const signal = { category: 'fall', severity: 'high', evidence: said } as const;
    const observed = { signals: [signal], guidance: [] };
    const lateMs = this.#has('finals-late') ? luck.between(0, 2500) : 0;
    this.#send(
      {
        kind: 'caller-final',
        sttTurn: turn.sttTurn,
        text: shown,
        ...(said === '' ? {} : { lastWordAt: time.now - END_AFTER_MS + luck.between(-50, 400) }),
        ...(turn.alarming ? { observed } : {}),
      },
      turn,
      lateMs,
    );
  }

  /** The session falls silent though its socket stays open, until somebody replaces it. */
  #stall(word: string, alarming: boolean): void {
    this.#stalled = true;
    this.#missed = [{ word, alarming }];
    const session = this.#session;
    this.#o.time.after(this.#o.luck.between(2000, 9000), () => {
      if (session === this.#session && this.#stalled) this.#replaceSession();
    });
  }

  #replaceSession(): void {
    const turn = this.#turn;
    this.#session += 1;
    this.#stalled = false;
    const again = [
      ...(turn?.words ?? []).map((word) => ({ word, alarming: turn?.alarming ?? false })),
      ...this.#missed,
    ];
    this.#missed = [];
    if (turn) {
      turn.words = [];
      turn.eager = false;
    }
    this.#replay(again);
  }

  /** Hears old audio faster than it was spoken, and what is spoken meanwhile behind it. */
  #replay(words: readonly { word: string; alarming: boolean }[]): void {
    const session = this.#session;
    this.#missed = [...words];
    this.#replaying = true;
    const next = (): void => {
      if (session !== this.#session) return;
      const word = this.#missed.shift();
      this.#replaying = word !== undefined;
      if (!word) return;
      this.#take(word.word, word.alarming);
      if (!this.#stalled) this.#o.time.after(30, next);
    };
    this.#o.time.after(250, next);
  }

  /** Hands an event to the core a little later, behind all earlier ones of the session. */
  #send(input: Input, turn: Turn, lateMs = 0): void {
    const { time, luck, tell } = this.#o;
    const words = [...turn.words];
    const session = this.#session;
    const at = Math.max(this.#lastDelivery + 1, time.now + luck.between(20, 120) + lateMs);
    this.#lastDelivery = at;
    const deliver = (): void => {
      if (session !== this.#session) return;
      for (const word of words) this.#told.add(word);
      if (input.kind === 'caller-final') {
        this.#pending = this.#pending.filter((other) => other !== turn);
        this.openSince = undefined;
      } else this.openSince ??= time.now;
      tell(input);
    };
    time.at(at, deliver);
    if (this.#has('events-doubled') && luck.hit(0.15)) time.at(at, deliver);
  }
}

function text(turn: Turn): string {
  return turn.words.join(' ');
}
