import type { EndReason } from '../src/conversation/types.ts';

/** How a call's last media stream went, and what it means where nothing is heard after that. */
export class StreamLoss {
  #how: 'stopped' | 'broken' | undefined;
  #asked = false;
  #isGuess = false;
  #isCutOff = false;

  /** There is a stream again. */
  attached(): void {
    this.#how = undefined;
    this.#asked = false;
  }

  /** The carrier asks for another, often before its own word that the last one is over gets here. */
  asked(): void {
    this.#asked = true;
  }

  /** `stopped`: by the carrier, in order; `broken`: without a word. */
  gone(how: 'stopped' | 'broken'): void {
    this.#how = how;
  }

  /** By this process, without a goodbye. */
  cutOff(): void {
    this.#isCutOff = true;
  }

  /**
   * What an end was where the core only knows that no stream has come: a carrier that ends one in
   * order and asks for no other has nobody on the line any more.
   */
  meant(reason: EndReason): EndReason {
    this.#isGuess = reason === 'stream-lost';
    const isHangUp = this.#how === 'stopped' && !this.#asked;
    return reason === 'stream-lost' && isHangUp ? 'caller-hung-up' : reason;
  }

  /** Nobody has said that the call is over: it may go on in another process that we know nothing of. */
  isGuess(reason: EndReason): boolean {
    return this.#isGuess || reason === 'stream-lost';
  }

  /** They did not put the phone down: a carrier hung up on a broken stream, or we cut them off. */
  isLost(reason: EndReason): boolean {
    if (reason === 'drain') return this.#isCutOff;
    return reason === 'stream-lost' || (reason === 'caller-hung-up' && this.#how === 'broken');
  }
}
