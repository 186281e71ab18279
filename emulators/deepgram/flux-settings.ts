/** What `/v2/listen` may be asked, in the query and by Configure, and what is refused. */

export type FluxSettings = {
  readonly model: 'flux-general-en' | 'flux-general-multi';
  readonly eotThreshold: number;
  /** Undefined: no eager events. */
  readonly eagerEotThreshold: number | undefined;
  readonly eotTimeoutMs: number;
  readonly keyterms: readonly string[];
  readonly languageHints: readonly string[];
};

export type Verdict<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

const MAX_KEYTERMS = 100;
const models = ['flux-general-en', 'flux-general-multi'] as const;
const singleKeys = new Set([
  'model',
  'encoding',
  'sample_rate',
  'eot_threshold',
  'eager_eot_threshold',
  'eot_timeout_ms',
  'mip_opt_out',
  'profanity_filter',
  'numerals',
  'redact',
]);
const repeatableKeys = new Set(['keyterm', 'tag', 'language_hint']);
const booleanKeys = ['mip_opt_out', 'profanity_filter', 'numerals'];

const ranges = {
  eot_threshold: { min: 0.5, max: 1, whole: false },
  eager_eot_threshold: { min: 0.3, max: 0.9, whole: false },
  eot_timeout_ms: { min: 500, max: 60_000, whole: true },
} as const;

function inRange(key: keyof typeof ranges, value: unknown): value is number {
  const { min, max, whole } = ranges[key];
  return (
    typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value))
  );
}

function keyProblem(query: URLSearchParams): string | undefined {
  for (const key of query.keys()) {
    if (repeatableKeys.has(key)) continue;
    if (!singleKeys.has(key)) return `unknown parameter ${key}`;
    if (query.getAll(key).length > 1) return `${key} given more than once`;
  }
  for (const key of booleanKeys) {
    const value = query.get(key);
    if (value !== null && value !== 'true' && value !== 'false') return `${key} is not a boolean`;
  }
  const redact = query.get('redact');
  if (redact !== null && redact !== 'numbers' && redact !== 'aggressive_numbers') {
    return 'redact is not numbers or aggressive_numbers';
  }
  return undefined;
}

/** Checks the query of an upgrade. Only μ-law at 8 kHz can be transcribed here. */
export function parseFluxQuery(query: URLSearchParams): Verdict<FluxSettings> {
  const refuse = (reason: string): Verdict<FluxSettings> => ({ ok: false, reason });
  const problem = keyProblem(query);
  if (problem !== undefined) return refuse(problem);
  const model = models.find((name) => name === query.get('model'));
  if (model === undefined) return refuse('model must be flux-general-en or flux-general-multi');
  if (query.get('encoding') !== 'mulaw' || query.get('sample_rate') !== '8000') {
    return refuse('this emulator transcribes only encoding=mulaw with sample_rate=8000');
  }
  const numbers: Partial<Record<keyof typeof ranges, number>> = {};
  for (const key of ['eot_threshold', 'eager_eot_threshold', 'eot_timeout_ms'] as const) {
    const given = query.get(key);
    if (given === null) continue;
    const value = given.trim() === '' ? Number.NaN : Number(given);
    if (!inRange(key, value)) return refuse(`${key} is out of range`);
    numbers[key] = value;
  }
  const languageHints = query.getAll('language_hint');
  if (languageHints.length > 0 && model !== 'flux-general-multi') {
    return refuse('language_hint is for flux-general-multi only');
  }
  const keyterms = query.getAll('keyterm');
  if (keyterms.length > MAX_KEYTERMS) return refuse(`more than ${MAX_KEYTERMS} keyterms`);
  return {
    ok: true,
    value: {
      model,
      eotThreshold: numbers.eot_threshold ?? 0.7,
      eagerEotThreshold: numbers.eager_eot_threshold,
      eotTimeoutMs: numbers.eot_timeout_ms ?? 5_000,
      keyterms,
      languageHints,
    },
  };
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Applies a Configure message; what it does not mention stays. Any fault in it refuses it all. */
export function applyConfigure(
  settings: FluxSettings,
  message: Readonly<Record<string, unknown>>,
): Verdict<FluxSettings> {
  const refuse = (reason: string): Verdict<FluxSettings> => ({ ok: false, reason });
  const thresholds = message['thresholds'] ?? {};
  if (!isRecord(thresholds)) return refuse('thresholds is not an object');
  const numbers: Partial<Record<keyof typeof ranges, number>> = {};
  for (const [key, value] of Object.entries(thresholds)) {
    if (key !== 'eot_threshold' && key !== 'eager_eot_threshold' && key !== 'eot_timeout_ms') {
      return refuse(`unknown threshold ${key}`);
    }
    if (!inRange(key, value)) return refuse(`${key} is out of range`);
    numbers[key] = value;
  }
  const keyterms = message['keyterms'] ?? settings.keyterms;
  if (!isStrings(keyterms) || keyterms.length > MAX_KEYTERMS) return refuse('bad keyterms');
  const languageHints = message['language_hints'] ?? settings.languageHints;
  if (!isStrings(languageHints)) return refuse('bad language_hints');
  if (message['language_hints'] !== undefined && settings.model !== 'flux-general-multi') {
    return refuse('language_hints is for flux-general-multi only');
  }
  const { numerals } = message;
  if (numerals !== undefined && typeof numerals !== 'boolean') return refuse('bad numerals');
  return {
    ok: true,
    value: {
      ...settings,
      eotThreshold: numbers.eot_threshold ?? settings.eotThreshold,
      eagerEotThreshold: numbers.eager_eot_threshold ?? settings.eagerEotThreshold,
      eotTimeoutMs: numbers.eot_timeout_ms ?? settings.eotTimeoutMs,
      keyterms,
      languageHints,
    },
  };
}
