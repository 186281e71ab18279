/**
 * A model and its tools on virtual time: answers come late, broken, stalled or not at all, and
 * sometimes after they were called off. Every word it says occurs once in a call.
 */
import type { Effect, Input } from '../../src/conversation/types.ts';
import type { VirtualTime } from '../helpers/virtual-time.ts';
import type { Chance, Fault } from './script.ts';

type Ask = Extract<Effect, { kind: 'ask-model' }>;
type RunTool = Extract<Effect, { kind: 'run-tool' }>;

export type MindOptions = {
  readonly time: VirtualTime;
  readonly luck: Chance;
  readonly faults: ReadonlySet<Fault>;
  readonly tell: (input: Input) => void;
};

export class Mind {
  readonly #o: MindOptions;
  readonly #cancelled = new Set<number>();
  readonly #called = new Set<string>();
  #life = 0;

  constructor(options: MindOptions) {
    this.#o = options;
  }

  cancel(utterance: number): void {
    this.#cancelled.add(utterance);
  }

  /** Whatever was asked, nobody waits for it any more, nor could be told. */
  die(): void {
    this.#life += 1;
  }

  cancelTool(callId: string): void {
    this.#called.add(callId);
  }

  answer(ask: Ask): void {
    const { luck } = this.#o;
    const { utterance } = ask;
    let delay = luck.between(150, 900);
    if (this.#has('mind-slow')) delay += luck.between(500, 4500);
    if (this.#has('mind-stalls') && luck.hit(0.15)) return;
    if (this.#has('mind-fails') && luck.hit(0.15)) {
      this.#later(utterance, delay, { kind: 'reply-failed', utterance });
      return;
    }
    const wantsTool = this.#has('tools') && luck.hit(ask.cues.includes('after-tool') ? 0.2 : 0.4);
    const clauses = wantsTool && luck.hit(0.4) ? 0 : luck.between(1, 4);
    const empty = this.#has('mind-fails') && luck.hit(0.1);
    delay = this.#speak(utterance, empty ? 0 : clauses, delay);
    if (delay < 0) return;
    if (wantsTool) {
      for (let n = 0; n < luck.between(1, 2); n += 1) {
        const callId = `call-${utterance}-${n}`;
        const input = { n };
        this.#later(utterance, delay, {
          kind: 'reply-tool',
          utterance,
          callId,
          name: 'look',
          input,
        });
      }
    }
    const end = this.#has('mind-fails') && luck.hit(0.15) ? 'reply-failed' : 'reply-done';
    this.#later(utterance, delay + luck.between(1, 60), { kind: end, utterance });
  }

  /** Plans the clauses; returns when they are over, or -1 when they never are. */
  #speak(utterance: number, clauses: number, from: number): number {
    const { luck } = this.#o;
    let delay = from;
    let words = 0;
    for (let n = 0; n < clauses; n += 1) {
      if (n > 0 && this.#has('mind-stalls') && luck.hit(0.15)) return -1;
      const clause: string[] = [];
      for (let w = luck.between(1, 7); w > 0; w -= 1) clause.push(`u${utterance}x${(words += 1)}`);
      const text = `${clause.join(' ')}${luck.pick(['.', '?', ','])} `;
      this.#later(utterance, delay, { kind: 'reply-clause', utterance, text });
      delay += luck.between(20, this.#has('mind-slow') ? 900 : 250);
    }
    return delay;
  }

  run(tool: RunTool): void {
    const { luck, time, tell } = this.#o;
    const failing = this.#has('tools-fail');
    if (failing && luck.hit(0.3)) return;
    const isError = failing && luck.hit(0.3);
    const settled: Input = { kind: 'tool-settled', callId: tool.callId, result: 'ok', isError };
    const delay = luck.between(50, failing ? 6000 : 1800);
    const late = this.#has('mind-late');
    const life = this.#life;
    time.after(delay, () => {
      if (life !== this.#life) return;
      if (this.#called.has(tool.callId) && !late) return;
      tell(settled);
    });
    if (failing && luck.hit(0.3)) {
      time.after(delay + 40, () => {
        if (life === this.#life) tell(settled);
      });
    }
  }

  #has(fault: Fault): boolean {
    return this.#o.faults.has(fault);
  }

  #later(utterance: number, delayMs: number, input: Input): void {
    const late = this.#has('mind-late');
    const life = this.#life;
    this.#o.time.after(delayMs, () => {
      if (life !== this.#life) return;
      if (!late && this.#cancelled.has(utterance)) return;
      this.#o.tell(input);
    });
  }
}
