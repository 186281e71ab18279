/** Runs the companion's tools: one settlement each, never a throw. */
import type { CompanionTool } from '../src/companion/tools.ts';
import type { Effect, Input } from '../src/conversation/types.ts';

export type ToolRunnerOptions = {
  readonly tools: readonly CompanionTool[];
  readonly wallClock: () => Date;
  readonly onInput: (input: Input) => void;
};

const MAX_RESULT_CHARS = 2_000;

export class ToolRunner {
  readonly #options: ToolRunnerOptions;
  readonly #pending = new Map<string, NodeJS.Immediate>();

  constructor(options: ToolRunnerOptions) {
    this.#options = options;
  }

  /** Starts a tool; its result comes back as a fact of its own. */
  run(call: Extract<Effect, { kind: 'run-tool' }>): void {
    const pending = setImmediate(() => {
      this.#pending.delete(call.callId);
      this.#options.onInput({ kind: 'tool-settled', callId: call.callId, ...this.#answer(call) });
    });
    this.#pending.set(call.callId, pending);
  }

  cancel(callId: string): void {
    const pending = this.#pending.get(callId);
    if (pending) clearImmediate(pending);
    this.#pending.delete(callId);
  }

  close(): void {
    for (const callId of this.#pending.keys()) this.cancel(callId);
  }

  #answer(call: { name: string; input: unknown }): { result: string; isError: boolean } {
    const tool = this.#options.tools.find((known) => known.name === call.name);
    if (!tool) return { result: 'there is no such tool', isError: true };
    try {
      const result = tool.run(call.input, this.#options.wallClock());
      return { result: result.slice(0, MAX_RESULT_CHARS), isError: false };
    } catch {
      return { result: 'that could not be looked up', isError: true };
    }
  }
}
