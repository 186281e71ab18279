/** A client's message on either socket, read strictly; `fault` says what the vendor would object to. */
export type ClientMessage = {
  readonly text: string | undefined;
  readonly contextId: string | undefined;
  readonly flush: boolean;
  readonly closeContext: boolean;
  readonly closeSocket: boolean;
  readonly tryTrigger: boolean;
  readonly speed: number | undefined;
  readonly schedule: readonly number[] | undefined;
  readonly hasSettings: boolean;
  readonly apiKey: string | undefined;
};

export type ReadMessage =
  | { readonly ok: true; readonly message: ClientMessage }
  | { readonly ok: false; readonly reason: string };

const MAX_CONTEXT_ID_CHARS = 256;

/** @param multi the multi-context socket, whose first-message key is spelt `xi_api_key`. */
export function readClientMessage(data: string, multi: boolean): ReadMessage {
  const refuse = (reason: string): ReadMessage => ({ ok: false, reason });
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    return refuse('message is not valid JSON');
  }
  if (!isRecord(parsed)) return refuse('message must be an object');
  const text = parsed['text'] ?? undefined;
  if (text !== undefined && typeof text !== 'string') return refuse('text must be a string');
  const contextId = parsed['context_id'] ?? undefined;
  if (contextId !== undefined) {
    if (typeof contextId !== 'string') return refuse('context_id must be a string');
    if (contextId.length > MAX_CONTEXT_ID_CHARS) return refuse('context_id is too long');
  }
  for (const flag of ['flush', 'close_context', 'close_socket', 'try_trigger_generation']) {
    const value = parsed[flag];
    if (value !== undefined && value !== null && typeof value !== 'boolean') {
      return refuse(`${flag} must be a boolean`);
    }
  }
  const speed = readSpeed(parsed['voice_settings']);
  if (speed === 'invalid') return refuse('voice_settings.speed must be between 0.7 and 1.2');
  const schedule = readSchedule(parsed['generation_config']);
  if (schedule === 'invalid') {
    return refuse('chunk_length_schedule items must be between 50 and 500');
  }
  if (text === undefined && !multi) return refuse('text is required');
  const key = parsed[multi ? 'xi_api_key' : 'xi-api-key'];
  const bearer = parsed['authorization'];
  return {
    ok: true,
    message: {
      text,
      contextId,
      flush: parsed['flush'] === true,
      closeContext: parsed['close_context'] === true,
      closeSocket: parsed['close_socket'] === true,
      tryTrigger: parsed['try_trigger_generation'] === true,
      speed,
      schedule,
      hasSettings: isRecord(parsed['voice_settings']) || isRecord(parsed['generation_config']),
      apiKey:
        typeof key === 'string' ? key : typeof bearer === 'string' ? unbearer(bearer) : undefined,
    },
  };
}

/** The vendor's range for `speed` is 0.7 to 1.2. */
export function readSpeed(settings: unknown): number | undefined | 'invalid' {
  if (!isRecord(settings)) return undefined;
  const speed = settings['speed'] ?? undefined;
  if (speed === undefined) return undefined;
  return typeof speed === 'number' && speed >= 0.7 && speed <= 1.2 ? speed : 'invalid';
}

function readSchedule(config: unknown): readonly number[] | undefined | 'invalid' {
  if (!isRecord(config)) return undefined;
  const schedule = config['chunk_length_schedule'] ?? undefined;
  if (schedule === undefined) return undefined;
  const valid = (item: unknown): item is number =>
    typeof item === 'number' && item >= 50 && item <= 500;
  return Array.isArray(schedule) && schedule.length > 0 && schedule.every(valid)
    ? schedule
    : 'invalid';
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unbearer(value: string): string {
  return value.replace(/^Bearer /i, '');
}
