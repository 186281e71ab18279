/** What spans and their events say of operations and events. Only names of telemetry-names.ts. */
import { SpanKind, type Attributes } from '@opentelemetry/api';
import type {
  LlmOperation,
  Operation,
  SttOperation,
  ToolOperation,
  TtsOperation,
} from './call-operations.ts';
import type { Vendor } from './errors.ts';
import type { TimedCallEvent } from './events.ts';
import { operationCostUsd } from './prices.ts';
import { GEN_AI, OURS, SPAN, SPAN_EVENT } from './telemetry-names.ts';

/** The conventions' names of those who serve models. */
const PROVIDERS: Partial<Record<Vendor, string>> = { claude: 'anthropic', gemini: 'gcp.gemini' };

export type DrawnSpan = {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly failed: boolean;
  /** When its first result came; monotonic milliseconds. */
  readonly firstAt?: { readonly name: string; readonly atMs: number } | undefined;
};

/** Which model a vendor was asked for. */
export type ModelNames = Partial<Record<Vendor, string>>;

/** Undefined: it is told in another way than by a span. */
export function operationSpan(operation: Operation, models: ModelNames): DrawnSpan | undefined {
  switch (operation.kind) {
    case 'stt':
      return sttSpan(operation);
    case 'llm':
      return llmSpan(operation, models);
    case 'tts':
      return ttsSpan(operation);
    case 'tool':
      return toolSpan(operation);
    case 'first-audio':
    case 'greeting':
    case 'draft':
      return undefined;
  }
}

function sttSpan(operation: SttOperation): DrawnSpan {
  const { vendor, lagMs, sttTurn, eagerEnds, backchannel, turnId } = operation;
  const attributes = defined({
    [OURS.vendor]: vendor,
    [OURS.lagMs]: lagMs,
    [OURS.sttTurn]: sttTurn,
    [OURS.eagerEnds]: eagerEnds,
    [OURS.backchannel]: backchannel,
    [OURS.turnId]: turnId,
  });
  return { name: SPAN.stt, kind: SpanKind.CLIENT, attributes, failed: false };
}

function llmSpan(operation: LlmOperation, models: ModelNames): DrawnSpan {
  const { vendor, usage, firstMs, startMs, outcome, failure, draft, utterance } = operation;
  const waitMs = firstMs === undefined ? undefined : firstMs - startMs;
  const model = vendor === undefined ? undefined : models[vendor];
  const attributes = defined({
    [GEN_AI.operation]: 'chat',
    [GEN_AI.provider]: vendor === undefined ? undefined : PROVIDERS[vendor],
    [GEN_AI.model]: model,
    [GEN_AI.inputTokens]: usage && totalInput(usage),
    [GEN_AI.outputTokens]: usage?.outputTokens,
    [GEN_AI.cacheReadTokens]: usage?.cachedTokens,
    [GEN_AI.cacheWriteTokens]: usage?.cacheWriteTokens,
    [GEN_AI.firstChunkS]: waitMs === undefined ? undefined : waitMs / 1_000,
    [OURS.firstTokenMs]: waitMs,
    [OURS.vendor]: vendor,
    [OURS.outcome]: outcome,
    [OURS.failure]: failure,
    [OURS.errorType]: failure,
    [OURS.draft]: draft,
    [OURS.utterance]: utterance,
    [OURS.turnId]: operation.turnId,
    [OURS.costUsd]: operationCostUsd(operation),
  });
  const firstAt =
    firstMs === undefined ? undefined : { name: SPAN_EVENT.firstToken, atMs: firstMs };
  const failed = outcome === 'failed';
  const name = model === undefined ? SPAN.chat : `${SPAN.chat} ${model}`;
  return { name, kind: SpanKind.CLIENT, attributes, failed, firstAt };
}

/** The conventions count cached tokens among those put in. */
function totalInput(usage: NonNullable<LlmOperation['usage']>): number {
  return usage.inputTokens + usage.cachedTokens + usage.cacheWriteTokens;
}

function ttsSpan(operation: TtsOperation): DrawnSpan {
  const { vendor, utterance, firstMs, startMs, outcome, failure, characters, audioMs } = operation;
  const attributes = defined({
    [OURS.vendor]: vendor,
    [OURS.utterance]: utterance,
    [OURS.turnId]: operation.turnId,
    [OURS.outcome]: outcome,
    [OURS.failure]: failure,
    [OURS.errorType]: failure,
    [OURS.firstByteMs]: firstMs === undefined ? undefined : firstMs - startMs,
    [OURS.characters]: characters,
    [OURS.audioMs]: audioMs,
    [OURS.costUsd]: operationCostUsd(operation),
  });
  const firstAt = firstMs === undefined ? undefined : { name: SPAN_EVENT.firstByte, atMs: firstMs };
  const failed = outcome === 'failed';
  return { name: SPAN.tts, kind: SpanKind.CLIENT, attributes, failed, firstAt };
}

function toolSpan(operation: ToolOperation): DrawnSpan {
  const { tool, callId, outcome, turnId } = operation;
  const attributes = defined({
    [GEN_AI.operation]: SPAN.tool,
    [GEN_AI.toolName]: tool,
    [GEN_AI.toolCallId]: callId,
    [OURS.outcome]: outcome,
    [OURS.turnId]: turnId,
  });
  const name = `${SPAN.tool} ${tool}`;
  return { name, kind: SpanKind.INTERNAL, attributes, failed: outcome === 'failed' };
}

type Described = { readonly name: string; readonly attributes: Attributes };

/** What an event adds to the span it falls into; undefined where it adds nothing. */
export function eventAttributes(event: TimedCallEvent): Described | undefined {
  const troubles = troubleAttributes(event);
  if (troubles) return troubles;
  switch (event.what) {
    case 'stream-attached': {
      const attributes = { [OURS.resumed]: event.resumed, [OURS.epoch]: event.epoch };
      return { name: SPAN_EVENT.streamAttached, attributes };
    }
    case 'stream-closed':
      return { name: SPAN_EVENT.streamClosed, attributes: {} };
    case 'stt-opened': {
      const attributes = { [OURS.vendor]: event.vendor, [OURS.openMs]: event.openMs };
      return { name: SPAN_EVENT.sttOpened, attributes };
    }
    case 'first-audio':
      return { name: SPAN_EVENT.firstAudio, attributes: { [OURS.utterance]: event.utterance } };
    case 'draft-promoted':
      return { name: SPAN_EVENT.draftPromoted, attributes: { [OURS.utterance]: event.utterance } };
    case 'draft-wasted':
      return { name: SPAN_EVENT.draftWasted, attributes: { [OURS.utterance]: event.utterance } };
    case 'answered-by':
      return { name: SPAN_EVENT.answeredBy, attributes: { [OURS.answeredBy]: event.who } };
    case 'ending':
      return { name: SPAN_EVENT.ending, attributes: { [OURS.endReason]: event.reason } };
    default:
      return undefined;
  }
}

function troubleAttributes(event: TimedCallEvent): Described | undefined {
  switch (event.what) {
    case 'barge-in': {
      const attributes = { [OURS.utterance]: event.utterance, [OURS.heardMs]: event.heardMs };
      return { name: SPAN_EVENT.bargeIn, attributes };
    }
    case 'false-interruption':
      return { name: SPAN_EVENT.falseInterruption, attributes: { [OURS.heldMs]: event.heldMs } };
    case 'filler':
      return { name: SPAN_EVENT.filler, attributes: {} };
    case 'alert-raised': {
      const { severity, category } = event;
      const attributes = { [OURS.severity]: severity, [OURS.category]: category };
      return { name: SPAN_EVENT.alert, attributes };
    }
    case 'vendor-failed': {
      const attributes = { [OURS.vendor]: event.vendor, [OURS.failure]: event.failure };
      return { name: SPAN_EVENT.vendorFailed, attributes };
    }
    case 'ladder-moved': {
      const { service, from, to } = event;
      const attributes = { [OURS.service]: service, [OURS.from]: from, [OURS.to]: to };
      return { name: SPAN_EVENT.ladderMoved, attributes };
    }
    default:
      return undefined;
  }
}

/** Attributes without those that have no value. */
function defined(
  attributes: Readonly<Record<string, string | number | boolean | undefined>>,
): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
