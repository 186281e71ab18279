/** Aura: `POST /v1/speak`, text in, the sound of it streamed out, its words embedded in-band. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { generateAudio, prepareUnits } from '../elevenlabs/generation.ts';
import type { Fault, FaultScript } from '../faults.ts';
import { readBody } from '../http-server.ts';
import type { EmulatorLog } from '../log.ts';
import { waitForAbort } from '../pace.ts';
import { breakOff, breaksOff, damaged, writeAudio } from '../speech/audio-body.ts';
import { BYTES_PER_MS } from '../speech/types.ts';
import {
  authorised,
  loggedHeaders,
  loggedQuery,
  refusalFor,
  refuseRequest,
  type Refusal,
} from './refusal.ts';
import { readSpeakRequest, type SpeakRequest } from './speak-request.ts';
import type { AuraScript, DeepgramEvent } from './types.ts';

export type SpeakWorld = {
  readonly log: EmulatorLog<DeepgramEvent>;
  readonly faults: FaultScript;
  readonly script: AuraScript;
  readonly apiKey: string | undefined;
  /** Number of this request. */
  readonly connection: number;
};

const MAX_BODY_BYTES = 1024 * 1024;
const SURFACE = 'speak';

/** Answers one request. Rejects when the client leaves while its body is read. */
export async function handleSpeak(
  request: IncomingMessage,
  response: ServerResponse,
  world: SpeakWorld,
): Promise<void> {
  const { log, connection } = world;
  const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());
  const refuse = (refusal: Refusal): void => {
    log.add({ what: 'rejected', path, status: refusal.status, reason: refusal.message });
    refuseRequest(response, refusal);
  };
  const query = loggedQuery(searchParams);
  const headers = loggedHeaders(request);
  log.add({ what: 'connect', surface: SURFACE, connection, query, headers });
  const fault = world.faults.next(SURFACE);
  if (fault) log.add({ what: 'fault', surface: SURFACE, connection, fault });
  if (fault?.kind === 'refuse') return void request.destroy();
  if (fault?.kind === 'stop-reading') return await waitForAbort(gone.signal);
  const body = await readBody(request, MAX_BODY_BYTES);
  const receivedAtMs = monotonicMs();
  if (body === 'too-large') {
    return refuse({ status: 413, code: 'PAYLOAD_TOO_LARGE', message: 'Payload too large.' });
  }
  if (fault?.kind === 'hang') return await waitForAbort(gone.signal);
  if (fault?.kind === 'status') return refuse({ ...fault, ...refusalFor(fault.status) });
  if (!authorised(request, world.apiKey)) return refuse({ status: 401, ...refusalFor(401) });
  const verdict = readSpeakRequest(searchParams, body);
  if (!verdict.ok) return refuse(verdict.refusal);
  const wanted = verdict.value;
  await speak({ wanted, receivedAtMs, fault, response, gone: gone.signal }, world);
}

type Speaking = {
  readonly wanted: SpeakRequest;
  readonly receivedAtMs: number;
  readonly fault: Fault | undefined;
  readonly response: ServerResponse;
  readonly gone: AbortSignal;
};

async function speak(speaking: Speaking, world: SpeakWorld): Promise<void> {
  const { wanted, receivedAtMs, fault, response, gone } = speaking;
  const { log, connection } = world;
  const { text, model, language: languageCode } = wanted;
  const settings = { speed: wanted.speed };
  const units = prepareUnits(text, languageCode, settings, world.script.sound);
  const slowness = fault?.kind === 'slow' ? fault.factor : 1;
  const generation = { text, receivedAtMs, languageCode, settings, notBeforeMs: 0, slowness };
  // What is ElevenLabs' own concerns its sockets.
  const script = { ...world.script, afterClose: 'discard', finalDelayMs: 0 } as const;
  const audio = generateAudio(generation, units, script, gone, (timing) => {
    const seen = { surface: SURFACE, connection, model, text, receivedAtMs } as const;
    log.add({ what: 'generation', ...seen, ...timing }, timing.firstAudioAtMs);
  });
  let sentBytes = 0;
  let pieces = 0;
  for await (const piece of audio) {
    begin(response, wanted);
    if (breaksOff(fault, pieces)) break;
    const { utterance, mulaw } = piece;
    log.add({ what: 'speech', connection, utterance, audioMs: mulaw.length / BYTES_PER_MS });
    const bytes = damaged(fault, mulaw);
    if (!(await writeAudio(response, bytes, fault, gone))) break;
    sentBytes += bytes.length;
    pieces += 1;
  }
  if (gone.aborted) {
    log.add({ what: 'speech-aborted', connection, sentBytes });
    return;
  }
  begin(response, wanted);
  if (breaksOff(fault, pieces)) return await breakOff(response, fault, gone);
  response.end();
  log.add({ what: 'speech-complete', connection, audioMs: sentBytes / BYTES_PER_MS });
}

function begin(response: ServerResponse, wanted: SpeakRequest): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, {
    'content-type': 'audio/mulaw',
    'dg-model-name': wanted.model,
    'dg-char-count': String(wanted.text.length),
    'dg-request-id': randomUUID(),
  });
}
