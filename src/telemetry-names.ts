/**
 * Every name that a trace may carry, and what its value has to look like. What is not in these tables
 * does not leave the process (see telemetry-guard.ts); ops/ asks for these names and a test compares.
 *
 * The `gen_ai.*` names are copied from OpenTelemetry's conventions for generative AI, which have no
 * release of their own yet. Those that would carry what people say are left out on purpose.
 */

/** Names of spans; those of models, tools and stores are followed by which. */
export const SPAN = {
  call: 'call',
  turn: 'turn',
  stt: 'stt',
  tts: 'tts',
  chat: 'chat',
  tool: 'execute_tool',
  webhook: 'webhook',
  store: 'store',
} as const;

/** The conventions' names for what is asked of a database. */
export const DB = { system: 'db.system.name', operation: 'db.operation.name' } as const;

/** Names of span events. */
export const SPAN_EVENT = {
  streamAttached: 'stream-attached',
  streamClosed: 'stream-closed',
  sttOpened: 'stt-opened',
  bargeIn: 'barge-in',
  falseInterruption: 'false-interruption',
  filler: 'filler',
  alert: 'alert-raised',
  answeredBy: 'answered-by',
  vendorFailed: 'vendor-failed',
  ladderMoved: 'ladder-moved',
  draftPromoted: 'draft-promoted',
  draftWasted: 'draft-wasted',
  ending: 'ending',
  firstToken: 'first-token',
  firstByte: 'first-byte',
  firstAudio: 'first-audio',
} as const;

export const GEN_AI = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  model: 'gen_ai.request.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_creation.input_tokens',
  /** Seconds. */
  firstChunkS: 'gen_ai.response.time_to_first_chunk',
  toolName: 'gen_ai.tool.name',
  toolCallId: 'gen_ai.tool.call.id',
} as const;

/** Our own. Units are in the names; `.sid`, `.id` are ids, never numbers of telephones. */
export const OURS = {
  callSid: 'hearthline.call.sid',
  direction: 'hearthline.call.direction',
  endReason: 'hearthline.call.end_reason',
  durationMs: 'hearthline.call.duration_ms',
  greetingMs: 'hearthline.call.greeting_ms',
  streams: 'hearthline.call.streams',
  turns: 'hearthline.call.turns',
  bargeIns: 'hearthline.call.barge_ins',
  falseInterruptions: 'hearthline.call.false_interruptions',
  fillers: 'hearthline.call.fillers',
  alerts: 'hearthline.call.alerts',
  vendorFailures: 'hearthline.call.vendor_failures',
  ladderMoves: 'hearthline.call.ladder_moves',
  draftsPromoted: 'hearthline.call.drafts_promoted',
  draftsWasted: 'hearthline.call.drafts_wasted',
  callTokens: 'hearthline.call.output_tokens',
  callCharacters: 'hearthline.call.characters',
  /** Whole call, estimated; `hearthline.cost_usd` is one operation's. */
  callCostUsd: 'hearthline.call.cost_usd',
  workP99Ms: 'hearthline.call.work_p99_ms',
  activeCalls: 'hearthline.active_calls',
  turnId: 'hearthline.turn.id',
  firstAudioMs: 'hearthline.turn.time_to_first_audio_ms',
  interrupted: 'hearthline.turn.interrupted',
  vendor: 'hearthline.vendor',
  outcome: 'hearthline.outcome',
  failure: 'hearthline.failure',
  service: 'hearthline.service',
  from: 'hearthline.from',
  to: 'hearthline.to',
  utterance: 'hearthline.utterance',
  draft: 'hearthline.draft',
  firstTokenMs: 'hearthline.first_token_ms',
  firstByteMs: 'hearthline.first_byte_ms',
  characters: 'hearthline.characters',
  audioMs: 'hearthline.audio_ms',
  costUsd: 'hearthline.cost_usd',
  lagMs: 'hearthline.stt.lag_ms',
  openMs: 'hearthline.stt.open_ms',
  eagerEnds: 'hearthline.stt.eager_ends',
  sttTurn: 'hearthline.stt.turn',
  backchannel: 'hearthline.stt.backchannel',
  resumed: 'hearthline.stream.resumed',
  epoch: 'hearthline.stream.epoch',
  heardMs: 'hearthline.heard_ms',
  heldMs: 'hearthline.held_ms',
  severity: 'hearthline.alert.severity',
  category: 'hearthline.alert.category',
  answeredBy: 'hearthline.answered_by',
  route: 'http.route',
  status: 'http.response.status_code',
  errorType: 'error.type',
} as const;

export type AttributeKind = 'id' | 'word' | 'number' | 'flag';

const OUR_IDS: readonly string[] = [OURS.callSid, OURS.turnId];
const OUR_FLAGS: readonly string[] = [OURS.interrupted, OURS.draft, OURS.backchannel, OURS.resumed];
const OUR_WORDS: readonly string[] = [
  OURS.direction,
  OURS.endReason,
  OURS.vendor,
  OURS.outcome,
  OURS.failure,
  OURS.service,
  OURS.from,
  OURS.to,
  OURS.severity,
  OURS.category,
  OURS.answeredBy,
  OURS.route,
  OURS.errorType,
];

function kindOfOurs(name: string): AttributeKind {
  if (OUR_IDS.includes(name)) return 'id';
  if (OUR_FLAGS.includes(name)) return 'flag';
  return OUR_WORDS.includes(name) ? 'word' : 'number';
}

/** What the ready-made instrumentation of HTTP, Express and Redis may say: no URLs, no arguments. */
const READY_MADE: Readonly<Record<string, AttributeKind>> = {
  'http.request.method': 'word',
  'http.method': 'word',
  'http.status_code': 'number',
  'url.scheme': 'word',
  'server.port': 'number',
  'network.protocol.version': 'word',
  'express.type': 'word',
  'db.system': 'word',
  [DB.system]: 'word',
  [DB.operation]: 'word',
};

/** Every attribute that may leave the process. */
export const ATTRIBUTES: ReadonlyMap<string, AttributeKind> = new Map<string, AttributeKind>([
  ...Object.values(OURS).map((name) => [name, kindOfOurs(name)] as const),
  [GEN_AI.operation, 'word'],
  [GEN_AI.provider, 'word'],
  [GEN_AI.model, 'word'],
  [GEN_AI.inputTokens, 'number'],
  [GEN_AI.outputTokens, 'number'],
  [GEN_AI.cacheReadTokens, 'number'],
  [GEN_AI.cacheWriteTokens, 'number'],
  [GEN_AI.firstChunkS, 'number'],
  [GEN_AI.toolName, 'word'],
  [GEN_AI.toolCallId, 'id'],
  ...Object.entries(READY_MADE),
]);

/** Ids: not a bare number, which could be a telephone's. */
const ID = /^(?!\d{7,}$)[A-Za-z0-9][A-Za-z0-9_.:-]{0,79}$/;
/** One word of our own or a protocol's vocabulary, or a route with its placeholders. */
const WORD = /^(?!.*\d{9})[A-Za-z0-9/][A-Za-z0-9_.:/*-]{0,79}$/;
/** The same, of several words. */
const SPAN_NAME = /^(?!.*\d{9})[A-Za-z][A-Za-z0-9_.:/* -]{0,79}$/;
/** Ten digits or more could be a telephone number. */
const LARGEST_NUMBER = 999_999_999;

export function mayLeave(name: string, value: unknown): boolean {
  switch (ATTRIBUTES.get(name)) {
    case 'id':
      return typeof value === 'string' && ID.test(value);
    case 'word':
      return typeof value === 'string' && WORD.test(value);
    case 'number':
      return typeof value === 'number' && Math.abs(value) <= LARGEST_NUMBER;
    case 'flag':
      return typeof value === 'boolean';
    case undefined:
      return false;
  }
}

export function safeSpanName(name: string): string {
  return SPAN_NAME.test(name) ? name : 'unnamed';
}
