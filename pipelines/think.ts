/**
 * The call's thinking: asks the model, turns its tokens into clauses, falls to the next model while
 * nothing has been said yet.
 */
import type { LlmTool, LlmUsage, LlmVendor } from '../adapters/llm/port.ts';
import { promptMessages, type PromptPart } from '../src/companion/prompt.ts';
import { ClauseSplitter, DEFAULT_CLAUSES, DRAFT_CLAUSES } from '../src/conversation/clauses.ts';
import type { Effect, Input, UtteranceId } from '../src/conversation/types.ts';
import { VendorError, type VendorFailure } from '../src/errors.ts';
import { monotonicMs, type CallEvent, type Rung } from '../src/events.ts';

export type ThinkOptions = {
  /** Best model first. */
  readonly vendors: readonly LlmVendor[];
  readonly system: readonly PromptPart[];
  readonly tools: readonly LlmTool[];
  readonly onInput: (input: Input) => void;
  readonly onEvent: (event: CallEvent) => void;
};

type Ask = Extract<Effect, { kind: 'ask-model' }>;

const MAX_TOKENS = 300;
/** The first model's share of the time in which the caller must hear something meaningful. */
const FIRST_TOKEN_TIMEOUT_MS = 2_500;
const STALL_TIMEOUT_MS = 2_000;
/** A failure this early leaves time for one more try before the caller notices. */
const RETRY_WITHIN_MS = 700;
/** Failures that another try may find gone. */
const PASSING: ReadonlySet<VendorFailure> = new Set<VendorFailure>([
  'unreachable',
  'overloaded',
  'cut',
  'garbage',
  'empty',
]);

/** The rung below the last model. */
const FIXED_LINES = 'lines';

export class Thinking {
  readonly #options: ThinkOptions;
  readonly #running = new Map<UtteranceId, AbortController>();
  /** Whose words the caller heard last, or is about to hear. */
  #speaker: Rung;

  constructor(options: ThinkOptions) {
    this.#options = options;
    this.#speaker = options.vendors[0]?.vendor ?? FIXED_LINES;
  }

  /** While the phone rings: has the best model read its instructions once. Never rejects. */
  async prewarm(): Promise<void> {
    await this.#options.vendors[0]?.prewarm?.(this.#options.system, this.#options.tools);
  }

  ask(effect: Ask): void {
    const abort = new AbortController();
    this.#running.set(effect.utterance, abort);
    this.#run(effect, abort.signal)
      .catch(() => {
        if (!abort.signal.aborted) this.#put({ kind: 'reply-failed', utterance: effect.utterance });
      })
      .finally(() => this.#running.delete(effect.utterance));
  }

  cancel(utterance: UtteranceId): void {
    const running = this.#running.get(utterance);
    if (!running) return;
    running.abort();
    this.#running.delete(utterance);
    this.#options.onEvent({ what: 'reply-cancelled', utterance });
  }

  close(): void {
    for (const abort of this.#running.values()) abort.abort();
    this.#running.clear();
  }

  #put(input: Input): void {
    this.#options.onInput(input);
  }

  /** Walks down the ladder until a model has said something. Rejects when none did. */
  async #run(effect: Ask, signal: AbortSignal): Promise<void> {
    for (const vendor of this.#options.vendors) {
      const error = await this.#tryVendor(vendor, effect, signal);
      if (error === undefined || signal.aborted) return;
      if (error === 'spoken') throw new Error('the reply was not completed');
    }
    this.#movedTo(FIXED_LINES);
    throw new Error('no model has answered');
  }

  /** A fall or a climb, told once: while a model is down every reply begins by asking it. */
  #movedTo(to: Rung): void {
    const from = this.#speaker;
    this.#speaker = to;
    if (from !== to) this.#options.onEvent({ what: 'ladder-moved', service: 'llm', from, to });
  }

  /** One model, asked again once where it failed at once. 'spoken': part of the reply is out. */
  async #tryVendor(
    vendor: LlmVendor,
    effect: Ask,
    signal: AbortSignal,
  ): Promise<'spoken' | 'failed' | undefined> {
    const { onEvent } = this.#options;
    const { turnId, utterance, draft } = effect;
    const beganAt = monotonicMs();
    for (let attempt = 1; ; attempt += 1) {
      onEvent({ what: 'reply-asked', turnId, utterance, draft, vendor: vendor.vendor });
      const reply = new Reply(utterance, draft, this.#options);
      try {
        await this.#stream(vendor, effect, signal, reply);
        return undefined;
      } catch (error) {
        if (signal.aborted) return undefined;
        const failure = error instanceof VendorError ? error.failure : 'garbage';
        onEvent({ what: 'vendor-failed', vendor: vendor.vendor, failure, utterance });
        if (reply.hasSpoken) {
          reply.flush();
          return 'spoken';
        }
        const quick = monotonicMs() - beganAt < RETRY_WITHIN_MS;
        if (!quick || attempt > 1 || !PASSING.has(failure)) return 'failed';
      }
    }
  }

  async #stream(vendor: LlmVendor, effect: Ask, signal: AbortSignal, reply: Reply): Promise<void> {
    const stream = vendor.stream({
      system: this.#options.system,
      messages: promptMessages(effect.history, effect.cues, effect.guidance),
      tools: this.#options.tools,
      maxTokens: MAX_TOKENS,
      firstTokenTimeoutMs: FIRST_TOKEN_TIMEOUT_MS,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      signal,
    });
    let begun = false;
    for await (const event of stream) {
      if (signal.aborted) return;
      if (!begun && event.kind !== 'done') {
        begun = true;
        const { utterance } = effect;
        this.#movedTo(vendor.vendor);
        this.#options.onEvent({ what: 'reply-first-token', utterance, vendor: vendor.vendor });
      }
      switch (event.kind) {
        case 'text':
          reply.take(event.text);
          break;
        case 'tool-call':
          reply.flush();
          reply.hasSpoken = true;
          this.#put({
            kind: 'reply-tool',
            utterance: effect.utterance,
            callId: event.id,
            name: event.name,
            input: event.input,
          });
          break;
        case 'done':
          reply.done(event.usage, vendor.vendor);
          return;
      }
    }
    throw new VendorError(vendor.vendor, 'cut');
  }
}

/** The clauses of one attempt at a reply. */
class Reply {
  readonly #utterance: UtteranceId;
  readonly #options: ThinkOptions;
  readonly #splitter: ClauseSplitter;
  /** Something of it has been given to the core and can't be taken back. */
  hasSpoken = false;

  constructor(utterance: UtteranceId, draft: boolean, options: ThinkOptions) {
    this.#utterance = utterance;
    this.#splitter = new ClauseSplitter(draft ? DRAFT_CLAUSES : DEFAULT_CLAUSES);
    this.#options = options;
  }

  take(text: string): void {
    this.#emit(this.#splitter.push(text));
  }

  flush(): void {
    this.#emit(this.#splitter.end());
  }

  done(usage: LlmUsage, vendor: LlmVendor['vendor']): void {
    this.flush();
    const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens } = usage;
    const utterance = this.#utterance;
    this.#options.onInput({ kind: 'reply-done', utterance });
    this.#options.onEvent({
      what: 'reply-done',
      utterance,
      vendor,
      inputTokens,
      cachedTokens,
      cacheWriteTokens,
      outputTokens,
    });
  }

  #emit(clauses: readonly string[]): void {
    for (const text of clauses) {
      if (!this.hasSpoken) {
        this.#options.onEvent({ what: 'reply-first-clause', utterance: this.#utterance });
      }
      this.hasSpoken = true;
      this.#options.onInput({ kind: 'reply-clause', utterance: this.#utterance, text });
    }
  }
}
