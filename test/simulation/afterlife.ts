/** What of a call is left when its process dies, and the call that another process makes of it. */
import type { CallState } from '../../src/conversation/state.ts';
import type { Effect, Input } from '../../src/conversation/types.ts';
import {
  EMPTY_SNAPSHOT,
  isCommitPoint,
  numberedFrom,
  resumeCall,
  snapshotOf,
  type CallSnapshot,
} from '../../src/conversation/resume.ts';
import { deepFreeze } from '../helpers/core-call.ts';

export type Resume = typeof resumeCall;

export class Afterlife {
  readonly #resume: Resume;
  #saved: { at: number; snapshot: CallSnapshot } = { at: 0, snapshot: EMPTY_SNAPSHOT };
  #lives = 1;

  constructor(resume: Resume) {
    this.#resume = resume;
  }

  /** After every step, as the shell does. */
  after(input: Input, effects: readonly Effect[], state: CallState, at: number): void {
    if (!isCommitPoint(input, effects)) return;
    // As text, since that is what other processes get.
    const snapshot = JSON.parse(JSON.stringify(snapshotOf(state, at))) as CallSnapshot;
    this.#saved = { at, snapshot: deepFreeze(snapshot) };
  }

  /** The call in its next process. */
  next({ settings }: CallState, now: number): CallState {
    this.#lives += 1;
    const { at, snapshot } = this.#saved;
    const elapsedMs = snapshot.elapsedMs + (now - at);
    const from = numberedFrom({ ...snapshot, elapsedMs }, this.#lives * 1_000);
    return deepFreeze(this.#resume(settings, from, now));
  }
}
