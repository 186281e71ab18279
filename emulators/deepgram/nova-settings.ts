/** What `/v1/listen` may be asked. Parameters that change nothing here are taken without a word. */
import type { Verdict } from './flux-settings.ts';

export type NovaSettings = {
  readonly model: string;
  readonly interimResults: boolean;
  /** Silence that ends an utterance; undefined when switched off. */
  readonly endpointingMs: number | undefined;
  readonly utteranceEndMs: number | undefined;
  readonly vadEvents: boolean;
  /** smart_format or punctuate: transcripts with case and punctuation. */
  readonly punctuated: boolean;
};

const DEFAULT_ENDPOINTING_MS = 10;
const MIN_UTTERANCE_END_MS = 1_000;

const booleanKeys = ['interim_results', 'vad_events', 'smart_format', 'punctuate'] as const;

function readEndpointing(given: string | null): number | undefined | 'bad' {
  if (given === null || given === 'true') return DEFAULT_ENDPOINTING_MS;
  if (given === 'false') return undefined;
  const value = Number(given);
  return given !== '' && Number.isInteger(value) && value >= 0 ? value : 'bad';
}

/** Checks the query of an upgrade. Only μ-law at 8 kHz can be transcribed here. */
export function parseNovaQuery(query: URLSearchParams): Verdict<NovaSettings> {
  const refuse = (reason: string): Verdict<NovaSettings> => ({ ok: false, reason });
  const model = query.get('model') ?? '';
  if (!/^nova-[23](-|$)/u.test(model)) return refuse('model must be a nova-2 or nova-3 model');
  if (model.startsWith('nova-3') && query.has('keywords')) {
    return refuse('keywords is not supported by nova-3; use keyterm');
  }
  if (query.get('encoding') !== 'mulaw' || query.get('sample_rate') !== '8000') {
    return refuse('this emulator transcribes only encoding=mulaw with sample_rate=8000');
  }
  for (const key of booleanKeys) {
    const value = query.get(key);
    if (value !== null && value !== 'true' && value !== 'false') {
      return refuse(`${key} is not a boolean`);
    }
  }
  const isOn = (key: (typeof booleanKeys)[number]): boolean => query.get(key) === 'true';
  const endpointingMs = readEndpointing(query.get('endpointing'));
  if (endpointingMs === 'bad') return refuse('endpointing is neither milliseconds nor a boolean');
  const given = query.get('utterance_end_ms');
  const utteranceEndMs = given === null ? undefined : Number(given);
  if (utteranceEndMs !== undefined) {
    if (!Number.isInteger(utteranceEndMs) || utteranceEndMs < MIN_UTTERANCE_END_MS) {
      return refuse(`utterance_end_ms is less than ${MIN_UTTERANCE_END_MS}`);
    }
    if (!isOn('interim_results')) return refuse('utterance_end_ms needs interim_results=true');
  }
  return {
    ok: true,
    value: {
      model,
      interimResults: isOn('interim_results'),
      endpointingMs,
      utteranceEndMs,
      vadEvents: isOn('vad_events'),
      punctuated: isOn('smart_format') || isOn('punctuate'),
    },
  };
}
