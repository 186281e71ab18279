import type { Refusal } from './refusal.ts';

/** The vendor's limit for one request. */
const MAX_TEXT_CHARS = 2_000;
const MODEL = /^aura(?:-2)?-[a-z]+-(en|es|de|fr|nl|it|ja)$/;
const KNOWN_PARAMETERS = new Set([
  'model',
  'encoding',
  'sample_rate',
  'container',
  'bit_rate',
  'speed',
  'tag',
  'mip_opt_out',
  'callback',
  'callback_method',
]);

export type SpeakRequest = {
  readonly text: string;
  readonly model: string;
  /** As the model's name ends. */
  readonly language: string;
  readonly speed: number;
};

export type SpeakVerdict =
  | { readonly ok: true; readonly value: SpeakRequest }
  | { readonly ok: false; readonly refusal: Refusal };

/** Reads `POST /v1/speak`. Of the formats only the telephone's is emulated: raw μ-law at 8 kHz. */
export function readSpeakRequest(query: URLSearchParams, body: string): SpeakVerdict {
  const unknown = [...query.keys()].find((key) => !KNOWN_PARAMETERS.has(key));
  if (unknown !== undefined) return badQuery(`Unknown parameter: ${unknown}.`);
  const model = query.get('model') ?? 'aura-asteria-en';
  const language = MODEL.exec(model)?.[1];
  if (language === undefined) return badQuery(`No such model/version combination found: ${model}.`);
  const encoding = query.get('encoding') ?? 'linear16';
  if (encoding !== 'mulaw') return badQuery(`encoding '${encoding}' is not emulated`);
  const sampleRate = query.get('sample_rate') ?? '8000';
  if (sampleRate !== '8000') return badQuery(`sample_rate '${sampleRate}' is not emulated`);
  const container = query.get('container') ?? 'wav';
  if (container !== 'none') return badQuery(`container '${container}' is not emulated`);
  const speed = Number(query.get('speed') ?? '1');
  if (!(speed >= 0.7 && speed <= 1.5)) {
    return badQuery('Failed to deserialize query parameters: speed must be between 0.7 and 1.5');
  }
  const text = readText(body);
  if (text === undefined) {
    return refused(400, 'INVALID_JSON', 'Invalid JSON submitted.');
  }
  if (text.trim() === '') return refused(400, 'Bad Request', 'No text was provided.');
  if (text.length > MAX_TEXT_CHARS) {
    const message = `Input text exceeds maximum character limit of ${MAX_TEXT_CHARS}.`;
    return refused(413, 'PAYLOAD_TOO_LARGE', message);
  }
  return { ok: true, value: { text, model, language, speed } };
}

function readText(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || !('text' in parsed)) return undefined;
    return typeof parsed.text === 'string' ? parsed.text : undefined;
  } catch {
    return undefined;
  }
}

function badQuery(message: string): SpeakVerdict {
  return refused(400, 'INVALID_QUERY_PARAMETER', message);
}

function refused(status: number, code: string, message: string): SpeakVerdict {
  return { ok: false, refusal: { status, code, message } };
}
