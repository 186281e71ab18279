/** The metrics that events feed: names, meanings and buckets. Seconds and plain counts throughout. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** From our own work alone (a draft that was ready) to a caller who has given up. */
const WAIT_S = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10];
const WORK_S = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.05, 0.1, 0.5];
const CALL_S = [5, 15, 30, 60, 120, 300, 600, 900, 1_200];

export type Instruments = ReturnType<typeof createInstruments>;

export function createInstruments(registry: Registry) {
  return { ...callInstruments(registry), ...vendorInstruments(registry) };
}

type Make = {
  counter<const L extends string = never>(name: string, help: string, ...labels: L[]): Counter<L>;
  gauge<const L extends string = never>(name: string, help: string, ...labels: L[]): Gauge<L>;
  histogram<const L extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    ...labels: L[]
  ): Histogram<L>;
};

function makeIn(registry: Registry): Make {
  const registers = [registry];
  return {
    counter: (name, help, ...labelNames) => new Counter({ name, help, labelNames, registers }),
    gauge: (name, help, ...labelNames) => new Gauge({ name, help, labelNames, registers }),
    histogram: (name, help, buckets, ...labelNames) =>
      new Histogram({ name, help, buckets, labelNames, registers }),
  };
}

function callInstruments(registry: Registry) {
  const { counter, gauge, histogram } = makeIn(registry);
  return {
    callsStarted: counter('hearthline_calls_started_total', 'Calls begun.', 'direction'),
    callsEnded: counter('hearthline_calls_ended_total', 'Calls ended, by why.', 'reason'),
    callSeconds: histogram('hearthline_call_seconds', 'Length of calls.', CALL_S),
    greeting: histogram(
      'hearthline_greeting_seconds',
      "From the media stream's start to the greeting's first sound.",
      WAIT_S,
    ),
    firstAudio: histogram(
      'hearthline_time_to_first_audio_seconds',
      "From the recogniser's end of turn to the reply's first sound.",
      WAIT_S,
    ),
    workP99: histogram(
      'hearthline_call_work_p99_seconds',
      'Of each call, the 99th percentile of our own work for one fact.',
      WORK_S,
    ),
    resumes: counter('hearthline_stream_resumes_total', 'Media streams that came after a loss.'),
    bargeIns: counter('hearthline_barge_ins_total', 'Replies that callers stopped.'),
    falseInterruptions: counter(
      'hearthline_false_interruptions_total',
      'Replies held for a sound that was nothing, then resumed.',
    ),
    backchannels: counter('hearthline_backchannels_total', '"Mm-hm" and the like, not answered.'),
    fillers: counter('hearthline_fillers_total', 'Fillers said because a reply was late.'),
    alerts: counter('hearthline_alerts_total', 'Alerts raised.', 'severity'),
    drafts: counter('hearthline_drafts_total', 'Draft replies, by what became of them.', 'fate'),
    draftTokens: counter(
      'hearthline_draft_output_tokens_total',
      'Output tokens of finished drafts; one that was cancelled in time reports none.',
      'fate',
    ),
    toolRuns: counter('hearthline_tool_runs_total', 'Tools run for the model.', 'tool', 'outcome'),
    webhooks: counter('hearthline_webhooks_total', "The carrier's webhooks.", 'route', 'status'),
    callsOnVendor: gauge(
      'hearthline_calls_on_vendor',
      'Live calls by the vendor that serves them: where they stand on each ladder.',
      'service',
      'vendor',
    ),
  };
}

function vendorInstruments(registry: Registry) {
  const { counter, histogram } = makeIn(registry);
  return {
    vendorFailures: counter(
      'hearthline_vendor_failures_total',
      'What vendors failed at.',
      'vendor',
      'failure',
    ),
    ladderMoves: counter(
      'hearthline_ladder_moves_total',
      'Falls to a lesser vendor and climbs back.',
      'service',
      'from',
      'to',
    ),
    sttOpen: histogram('hearthline_stt_open_seconds', 'To open an STT session.', WAIT_S, 'vendor'),
    sttLag: histogram(
      'hearthline_stt_lag_seconds',
      'Audio given to the recogniser and not yet judged when it told an end of turn.',
      WAIT_S,
      'vendor',
    ),
    llmFirstToken: histogram(
      'hearthline_llm_first_token_seconds',
      'From a request to the first content of its answer.',
      WAIT_S,
      'vendor',
    ),
    llmSeconds: histogram(
      'hearthline_llm_seconds',
      'From a request to the end of its answer.',
      WAIT_S,
      'vendor',
      'outcome',
    ),
    llmTokens: counter('hearthline_llm_tokens_total', 'Tokens used.', 'vendor', 'kind'),
    ttsFirstByte: histogram(
      'hearthline_tts_first_byte_seconds',
      'From the first text of an utterance to its first audio.',
      WAIT_S,
      'vendor',
    ),
    ttsUtterances: counter(
      'hearthline_tts_utterances_total',
      'Attempts of voices at utterances.',
      'vendor',
      'outcome',
    ),
    ttsCharacters: counter('hearthline_tts_characters_total', 'Characters spoken.', 'vendor'),
    costUsd: counter('hearthline_cost_usd_total', 'Estimated cost at list prices.', 'vendor'),
  };
}
