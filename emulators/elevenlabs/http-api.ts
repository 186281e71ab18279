import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import type { Fault, FaultScript } from '../faults.ts';
import { readBody } from '../http-server.ts';
import type { EmulatorLog } from '../log.ts';
import { waitForAbort } from '../pace.ts';
import { breakOff, breaksOff, damaged, writeAudio } from '../speech/audio-body.ts';
import { decodeMulaw } from '../speech/mulaw.ts';
import { BYTES_PER_MS } from '../speech/types.ts';
import { isRecord, readSpeed } from './client-message.ts';
import { generateAudio, prepareUnits } from './generation.ts';
import type { Ledger } from './ledger.ts';
import type { ElevenLabsEvent, ElevenLabsScript } from './types.ts';

export type HttpWorld = {
  readonly script: ElevenLabsScript;
  readonly faults: FaultScript;
  readonly log: EmulatorLog<ElevenLabsEvent>;
  readonly ledger: Ledger;
  nextConnection(): number;
};

const MAX_BODY_BYTES = 1024 * 1024;
/** The vendor's limit for one request with eleven_flash_v2_5. */
const MAX_TEXT_CHARS = 40_000;
const FORMATS: Readonly<Record<string, (mulaw: Uint8Array) => Uint8Array>> = {
  ulaw_8000: (mulaw) => mulaw,
  pcm_8000: (mulaw) => new Uint8Array(decodeMulaw(mulaw).buffer),
};
const DETAILS: Readonly<Record<number, { status: string; message: string }>> = {
  401: { status: 'invalid_api_key', message: 'Invalid API key' },
  404: { status: 'not_found', message: 'Not found' },
  429: {
    status: 'too_many_concurrent_requests',
    message:
      'Too many concurrent requests. Your current subscription is associated with a maximum of 5 concurrent requests.',
  },
  503: {
    status: 'system_busy',
    message: 'The system is experiencing heavy traffic, please try again later',
  },
};

type SpeechRequest = {
  readonly text: string;
  readonly languageCode: string | undefined;
  readonly speed: number;
};

/** Answers the emulator's HTTP surface: streaming synthesis and a list of voices. */
export async function handleHttp(
  request: IncomingMessage,
  response: ServerResponse,
  world: HttpWorld,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://loopback');
  const path = /^\/v1\/text-to-speech\/([^/]+)\/stream$/.exec(url.pathname);
  const key = request.headers['xi-api-key'];
  const apiKey = Array.isArray(key) ? key[0] : key;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());

  if (request.method === 'GET' && /^\/v[12]\/voices$/.test(url.pathname)) {
    if (!world.ledger.accepts(apiKey)) return refuse(world, response, 401);
    return sendJson(response, 200, { voices: VOICES, has_more: false, total_count: VOICES.length });
  }
  if (request.method !== 'POST' || !path) {
    request.resume();
    return refuse(world, response, 404);
  }
  const fault = world.faults.next('http');
  if (fault) world.log.add({ what: 'fault', surface: 'http', fault });
  if (fault?.kind === 'refuse') return void request.destroy();
  if (fault?.kind === 'stop-reading') return await waitForAbort(gone.signal);
  const body = await readBody(request, MAX_BODY_BYTES);
  const receivedAtMs = monotonicMs();
  if (fault?.kind === 'hang') return await waitForAbort(gone.signal);
  if (fault?.kind === 'status')
    return refuse(world, response, fault.status, fault.retryAfterSeconds);
  if (!world.ledger.accepts(apiKey)) return refuse(world, response, 401);
  const format = url.searchParams.get('output_format') ?? 'mp3_44100_128';
  const encode = FORMATS[format];
  if (!encode) return invalid(world, response, 'output_format', `'${format}' is not emulated`);
  const wanted = readSpeechRequest(body);
  if (typeof wanted === 'string') return invalid(world, response, 'text', wanted);
  if (!world.ledger.spend(wanted.text.length)) {
    world.log.add({ what: 'rejected', surface: 'http', status: 401, detail: 'quota_exceeded' });
    const message = 'This request exceeds your quota.';
    return sendJson(response, 401, { detail: { status: 'quota_exceeded', message } });
  }
  const connection = world.nextConnection();
  const voiceId = decodeURIComponent(path[1] ?? '');
  world.log.add({ what: 'connected', connection, surface: 'http', voiceId, query: url.search });
  await speak(
    { wanted, connection, receivedAtMs, fault, encode, response, gone: gone.signal },
    world,
  );
}

type Speaking = {
  readonly wanted: SpeechRequest;
  readonly connection: number;
  readonly receivedAtMs: number;
  readonly fault: Fault | undefined;
  readonly encode: (mulaw: Uint8Array) => Uint8Array;
  readonly response: ServerResponse;
  readonly gone: AbortSignal;
};

async function speak(speaking: Speaking, world: HttpWorld): Promise<void> {
  const { wanted, connection, fault, response, gone } = speaking;
  const { log } = world;
  const settings = { speed: wanted.speed };
  const units = prepareUnits(wanted.text, wanted.languageCode, settings, world.script.sound);
  const request = {
    text: wanted.text,
    receivedAtMs: speaking.receivedAtMs,
    languageCode: wanted.languageCode,
    settings,
    notBeforeMs: 0,
    slowness: fault?.kind === 'slow' ? fault.factor : 1,
  };
  const where = { surface: 'http', connection, contextId: undefined, generation: 1 } as const;
  const { text, receivedAtMs } = request;
  let started = false;
  const start = (): void => {
    if (started || response.destroyed) return;
    started = true;
    response.writeHead(200, {
      'content-type': 'audio/basic',
      'request-id': `emulated-${connection}`,
      'character-cost': String(text.length),
    });
  };
  const audio = generateAudio(request, units, world.script, gone, (timing) => {
    log.add({ what: 'generation', ...where, text, receivedAtMs, ...timing }, timing.firstAudioAtMs);
  });
  let sentBytes = 0;
  let messages = 0;
  for await (const piece of audio) {
    start();
    if (breaksOff(fault, messages)) break;
    const pieceMs = piece.mulaw.length / BYTES_PER_MS;
    const { utterance } = piece;
    log.add({
      what: 'audio',
      connection,
      contextId: undefined,
      generation: 1,
      utterance,
      audioMs: pieceMs,
      late: false,
    });
    const bytes = damaged(fault, speaking.encode(piece.mulaw));
    if (!(await writeAudio(response, bytes, fault, gone))) break;
    sentBytes += bytes.length;
    messages += 1;
  }
  if (gone.aborted) {
    log.add({ what: 'http-aborted', connection, sentBytes });
    return;
  }
  start();
  if (breaksOff(fault, messages)) return await breakOff(response, fault, gone);
  response.end();
  log.add({ what: 'http-complete', connection, audioMs: sentBytes / BYTES_PER_MS });
}

/** The request, or what is wrong with it. */
function readSpeechRequest(body: string): SpeechRequest | string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return 'body is not valid JSON';
  }
  if (!isRecord(parsed) || typeof parsed['text'] !== 'string') return 'Field required';
  const text = parsed['text'];
  if (text.trim() === '') return 'text must not be empty';
  if (text.length > MAX_TEXT_CHARS) return `text must not exceed ${MAX_TEXT_CHARS} characters`;
  const speed = readSpeed(parsed['voice_settings']);
  if (speed === 'invalid') return 'voice_settings.speed must be between 0.7 and 1.2';
  const language = parsed['language_code'];
  return {
    text,
    languageCode: typeof language === 'string' ? language : undefined,
    speed: speed ?? 1,
  };
}

const VOICES = [
  { voice_id: 'hearthline-emulated', name: 'Emulated companion', category: 'premade', labels: {} },
];

function refuse(
  world: HttpWorld,
  response: ServerResponse,
  status: number,
  retryAfterSeconds?: number,
): void {
  const detail = errorDetail(status);
  world.log.add({ what: 'rejected', surface: 'http', status, detail: detail.status });
  const headers =
    retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
  sendJson(response, status, { detail }, headers);
}

/** The vendor's `detail` for a status. */
export function errorDetail(status: number): { status: string; message: string } {
  return DETAILS[status] ?? { status: 'internal_error', message: 'Something went wrong' };
}

function invalid(world: HttpWorld, response: ServerResponse, field: string, message: string): void {
  world.log.add({ what: 'rejected', surface: 'http', status: 422, detail: message });
  sendJson(response, 422, {
    detail: [{ loc: ['body', field], msg: message, type: 'value_error' }],
  });
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}
