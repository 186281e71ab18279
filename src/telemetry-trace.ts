/**
 * One trace per call, drawn from its events: the call, in it its turns, in them what was heard,
 * thought, said and looked up. Spans get the events' own times; nothing is measured here.
 */
import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type HrTime,
  type Span,
  type Tracer,
} from '@opentelemetry/api';
import { CallOperations, type Operation } from './call-operations.ts';
import { CallFigures } from './call-figures.ts';
import type { EventHub, TimedCallEvent } from './events.ts';
import { monotonicMs } from './events.ts';
import type { CallIdGenerator } from './telemetry-ids.ts';
import { DB, OURS, SPAN } from './telemetry-names.ts';
import { eventAttributes, operationSpan, type ModelNames } from './telemetry-spans.ts';

/** The wall clock at monotonic zero, read once: spans of one process never jump against each other. */
const WALL_AT_ZERO_MS = performance.timeOrigin + performance.now() - monotonicMs();
/** More live calls than any process takes. */
const MAX_CALLS = 20_000;
/** Calls that are over, to whose traces late webhooks may still be added. */
const MAX_ENDED = 2_000;
/** A turn stays open until the turn after the next has begun: its reply may still be playing. */
const OPEN_TURNS = 2;

function hrTime(monotonic: number): HrTime {
  const ms = WALL_AT_ZERO_MS + monotonic;
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1_000) * 1e6))];
}

/** Draws the calls of a hub. Returns the function that stops it and ends what is open. */
export function traceCalls(hub: EventHub, ids: CallIdGenerator, models: ModelNames): () => void {
  const tracer = trace.getTracer('hearthline');
  const calls = new Map<string, CallTrace>();
  const ended = new Map<string, Context>();
  const unsubscribe = hub.subscribe((event) => {
    const { callSid } = event;
    let call = calls.get(callSid);
    if (!call && event.what === 'call-started' && calls.size < MAX_CALLS) {
      const activeCalls = calls.size + 1;
      call = ids.forCall(callSid, () => new CallTrace(tracer, event, activeCalls, models));
      calls.set(callSid, call);
    }
    if (event.what === 'webhook') {
      const parent = call?.context ?? ended.get(callSid) ?? ROOT_CONTEXT;
      ids.forCall(callSid, () => drawWebhook(tracer, event, parent));
      return;
    }
    if (event.what === 'stored') {
      const parent = call?.context ?? ended.get(callSid);
      if (parent) ids.forCall(callSid, () => drawStored(tracer, event, parent));
      return;
    }
    if (!call) return;
    call.take(event);
    if (event.what !== 'call-ended') return;
    calls.delete(callSid);
    ended.set(callSid, call.context);
    if (ended.size > MAX_ENDED) ended.delete(ended.keys().next().value ?? '');
  });
  return () => {
    unsubscribe();
    for (const call of calls.values()) call.abandon(monotonicMs());
    calls.clear();
  };
}

/** The webhook's own trace, where HTTP is instrumented, is linked. */
function drawWebhook(
  tracer: Tracer,
  event: Extract<TimedCallEvent, { what: 'webhook' }>,
  parent: Context,
): void {
  const { callSid, route, status, durationMs, atMs } = event;
  const http = trace.getSpan(context.active());
  const span = tracer.startSpan(
    SPAN.webhook,
    {
      kind: SpanKind.SERVER,
      startTime: hrTime(atMs - durationMs),
      attributes: { [OURS.callSid]: callSid, [OURS.route]: route, [OURS.status]: status },
      ...(http && { links: [{ context: http.spanContext() }] }),
    },
    parent,
  );
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(hrTime(atMs));
}

const DB_SYSTEMS = { database: 'postgresql', redis: 'redis' } as const;
/** Nowhere, or where only a person can help. */
const LOST = new Set(['refused', 'set-aside', 'away']);

/** Beside the call's turns: nothing in a call waits for what is kept of it. */
function drawStored(
  tracer: Tracer,
  event: Extract<TimedCallEvent, { what: 'stored' }>,
  parent: Context,
): void {
  const { callSid, store, operation, outcome, durationMs, atMs } = event;
  const attributes = {
    [OURS.callSid]: callSid,
    [DB.system]: DB_SYSTEMS[store],
    [DB.operation]: operation,
    [OURS.outcome]: outcome,
  };
  const options = { kind: SpanKind.CLIENT, startTime: hrTime(atMs - durationMs), attributes };
  const span = tracer.startSpan(`${SPAN.store} ${operation}`, options, parent);
  if (LOST.has(outcome)) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(hrTime(atMs));
}

type OpenTurn = { readonly span: Span; readonly context: Context; lastMs: number };

/** One call's trace while it is being drawn. */
class CallTrace {
  readonly context: Context;
  readonly #tracer: Tracer;
  readonly #models: ModelNames;
  readonly #span: Span;
  readonly #operations: CallOperations;
  readonly #figures = new CallFigures();
  readonly #turns = new Map<string, OpenTurn>();
  readonly #callSid: string;

  constructor(
    tracer: Tracer,
    event: Extract<TimedCallEvent, { what: 'call-started' }>,
    activeCalls: number,
    models: ModelNames,
  ) {
    this.#models = models;
    this.#tracer = tracer;
    this.#callSid = event.callSid;
    this.#operations = new CallOperations(event.callSid);
    const attributes = {
      [OURS.callSid]: event.callSid,
      [OURS.direction]: event.direction,
      [OURS.activeCalls]: activeCalls,
    };
    const kind = event.direction === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT;
    const options = { kind, startTime: hrTime(event.atMs), attributes, root: true };
    this.#span = tracer.startSpan(SPAN.call, options, ROOT_CONTEXT);
    this.context = trace.setSpan(ROOT_CONTEXT, this.#span);
  }

  take(event: TimedCallEvent): void {
    if (event.what === 'turn-opened') this.#openTurn(event.turnId, event.atMs);
    const done = this.#operations.take(event);
    this.#figures.take(event, done);
    this.#addEvent(event);
    for (const operation of done) this.#draw(operation);
    if (event.what === 'call-ended') this.#end(event);
  }

  /** The process stops before the call does. */
  abandon(atMs: number): void {
    for (const turnId of [...this.#turns.keys()]) this.#closeTurn(turnId);
    this.#span.setAttributes(this.#figures.attributes());
    this.#span.end(hrTime(atMs));
  }

  #openTurn(turnId: string, atMs: number): void {
    if (this.#turns.has(turnId)) return;
    while (this.#turns.size >= OPEN_TURNS) {
      const [oldest] = this.#turns.keys();
      if (oldest !== undefined) this.#closeTurn(oldest);
    }
    const attributes = { [OURS.callSid]: this.#callSid, [OURS.turnId]: turnId };
    const options = { startTime: hrTime(atMs), attributes };
    const span = this.#tracer.startSpan(SPAN.turn, options, this.context);
    const opened = { span, context: trace.setSpan(this.context, span), lastMs: atMs };
    this.#turns.set(turnId, opened);
  }

  #closeTurn(turnId: string): void {
    const turn = this.#turns.get(turnId);
    this.#turns.delete(turnId);
    turn?.span.end(hrTime(turn.lastMs));
  }

  #turnOfEvent(event: TimedCallEvent): OpenTurn | undefined {
    if ('turnId' in event && event.turnId !== undefined) return this.#turns.get(event.turnId);
    if (!('utterance' in event) || event.utterance === undefined) return undefined;
    return this.#turns.get(this.#operations.turnOf(event.utterance) ?? '');
  }

  #addEvent(event: TimedCallEvent): void {
    const turn = this.#turnOfEvent(event);
    if (turn) turn.lastMs = Math.max(turn.lastMs, event.atMs);
    if (turn && event.what === 'companion-said' && event.interrupted) {
      turn.span.setAttribute(OURS.interrupted, true);
    }
    if (event.what === 'answered-by') this.#span.setAttribute(OURS.answeredBy, event.who);
    const described = eventAttributes(event);
    if (!described) return;
    const { name, attributes } = described;
    (turn?.span ?? this.#span).addEvent(name, attributes, hrTime(event.atMs));
  }

  #draw(operation: Operation): void {
    const turn = operation.turnId === undefined ? undefined : this.#turns.get(operation.turnId);
    if (turn) turn.lastMs = Math.max(turn.lastMs, operation.endMs);
    if (operation.kind === 'first-audio') {
      turn?.span.setAttribute(OURS.firstAudioMs, operation.endMs - operation.startMs);
    }
    const drawn = operationSpan(operation, this.#models);
    if (!drawn) return;
    const { name, kind, failed, firstAt } = drawn;
    const attributes: Attributes = { [OURS.callSid]: this.#callSid, ...drawn.attributes };
    const options = { kind, startTime: hrTime(operation.startMs), attributes };
    const span = this.#tracer.startSpan(name, options, turn?.context ?? this.context);
    if (firstAt) span.addEvent(firstAt.name, {}, hrTime(firstAt.atMs));
    if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(hrTime(operation.endMs));
  }

  #end(event: Extract<TimedCallEvent, { what: 'call-ended' }>): void {
    for (const turnId of [...this.#turns.keys()]) this.#closeTurn(turnId);
    this.#span.setAttributes({
      ...this.#figures.attributes(),
      [OURS.endReason]: event.reason,
      [OURS.durationMs]: event.durationMs,
      [OURS.workP99Ms]: event.work.p99,
    });
    if (event.reason === 'stream-lost') this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(hrTime(event.atMs));
  }
}
