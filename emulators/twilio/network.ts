import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { CallerNetwork, LossyNetwork } from './types.ts';

/** What happens to one frame on its way. `hold` sends it behind its successor. */
export type FrameFate = 'send' | 'drop' | 'duplicate' | 'hold';

/** What the network can do to the media socket of the moment. */
export type NetworkTarget = {
  sendRaw(frame: string | Uint8Array): void;
  pause(): void;
  resume(): void;
  reset(): void;
  disturb(fault: Fault): void;
};

/** The person's network: lives as long as the call and outlasts its media sockets. */
export class Network implements CallerNetwork {
  #loss: LossyNetwork = {};
  #quietUntilMs = 0;
  #readingStopped = false;
  #target: NetworkTarget | undefined;
  #nextFault: Fault | undefined;
  #randomState: number;
  readonly #onEvent: (kind: string) => void;

  constructor(seed: number, onEvent: (kind: string) => void) {
    this.#randomState = seed | 0;
    this.#onEvent = onEvent;
  }

  attach(target: NetworkTarget | undefined): void {
    this.#target = target;
    if (target && this.#readingStopped) target.pause();
  }

  get quiet(): boolean {
    return this.#quietUntilMs > 0 && monotonicMs() < this.#quietUntilMs;
  }

  fate(): FrameFate {
    const { dropRate = 0, duplicateRate = 0, swapRate = 0 } = this.#loss;
    if (dropRate + duplicateRate + swapRate === 0) return 'send';
    const dice = this.#random();
    if (dice < dropRate) return 'drop';
    if (dice < dropRate + duplicateRate) return 'duplicate';
    return dice < dropRate + duplicateRate + swapRate ? 'hold' : 'send';
  }

  setLoss(loss: LossyNetwork): void {
    this.#loss = loss;
    this.#onEvent(`loss ${JSON.stringify(loss)}`);
  }

  goQuiet(forMs = Infinity): void {
    this.#quietUntilMs = monotonicMs() + forMs;
    this.#onEvent('quiet');
  }

  resumeMedia(): void {
    this.#quietUntilMs = 0;
    this.#onEvent('media-resumed');
  }

  sendRaw(frame: string | Uint8Array): void {
    this.#target?.sendRaw(frame);
    this.#onEvent('raw-frame');
  }

  stopReading(): void {
    this.#readingStopped = true;
    this.#target?.pause();
    this.#onEvent('reading-stopped');
  }

  resumeReading(): void {
    this.#readingStopped = false;
    this.#target?.resume();
    this.#onEvent('reading-resumed');
  }

  cut(): void {
    this.#target?.reset();
    this.#onEvent('cut');
  }

  disturb(fault: Fault): void {
    if (this.#target) this.#target.disturb(fault);
    else this.#nextFault = fault;
  }

  /** What the media socket that is about to be opened is to commit. */
  takeFault(): Fault | undefined {
    const fault = this.#nextFault;
    this.#nextFault = undefined;
    return fault;
  }

  /** mulberry32: small, seeded, good enough to choose frames. */
  #random(): number {
    this.#randomState = (this.#randomState + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#randomState ^ (this.#randomState >>> 15), 1 | this.#randomState);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
}
