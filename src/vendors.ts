/**
 * The vendors, each behind its breaker, best rung first. Part of the composition: together with
 * `app.ts` the only place that names them.
 */
import { Breaker, type BreakerStatus } from '../adapters/breaker.ts';
import { guardLlm, guardStt, guardTelephony, guardTts } from '../adapters/guarded.ts';
import { createClaude } from '../adapters/llm/claude.ts';
import { createGemini } from '../adapters/llm/gemini.ts';
import type { LlmVendor } from '../adapters/llm/port.ts';
import { createDeepgramFlux } from '../adapters/stt/deepgram-flux.ts';
import { createDeepgramNova } from '../adapters/stt/deepgram-nova.ts';
import type { SttVendor } from '../adapters/stt/port.ts';
import type { TelephonyVendor } from '../adapters/telephony/port.ts';
import { createTwilio } from '../adapters/telephony/twilio.ts';
import { createClips } from '../adapters/tts/clips.ts';
import { createDeepgramAura } from '../adapters/tts/deepgram-aura.ts';
import { createElevenLabsHttp } from '../adapters/tts/elevenlabs-http.ts';
import { createElevenLabsSocket } from '../adapters/tts/elevenlabs-socket.ts';
import type { TtsVendor } from '../adapters/tts/port.ts';
import { RequestBreaker } from '../adapters/request-breaker.ts';
import { stranger } from './companion/person.ts';
import { systemPrompt } from './companion/prompt.ts';
import { COMPANION_TOOLS } from './companion/tools.ts';
import type { Config } from './config.ts';

export type Vendors = {
  readonly stt: readonly SttVendor[];
  /** Gemini only where it has a key. Below the last stand the fixed lines. */
  readonly llm: readonly LlmVendor[];
  /** Those that can say anything. */
  readonly tts: readonly TtsVendor[];
  /** Those of them that speak in the companion's own voice: what is kept is made by these. */
  readonly ownVoice: readonly TtsVendor[];
  /** Says only what was recorded. */
  readonly recordings: TtsVendor;
  readonly telephony: TelephonyVendor;
  readonly breakers: readonly { status(): BreakerStatus }[];
  /** Opens what the first call would have to wait for. Never rejects. */
  warm(): Promise<void>;
  /** Destroys the pooled connections. */
  close(): void;
};

/** Loads the SDKs now: a lazy import would be paid for by the first caller. */
export async function connectVendors(config: Config): Promise<Vendors> {
  const { deepgram, anthropic, gemini, elevenlabs, twilio } = config;
  const httpVoice = createElevenLabsHttp(elevenlabs);
  const [flux, nova, claude, second, aura, carrier, clips] = await Promise.all([
    createDeepgramFlux(deepgram),
    createDeepgramNova(deepgram),
    createClaude(anthropic),
    gemini.apiKey === undefined ? undefined : createGemini({ ...gemini, apiKey: gemini.apiKey }),
    createDeepgramAura(deepgram),
    createTwilio(twilio),
    // What was not recorded is left to the carrier's own voice.
    createClips(undefined, 'fail'),
  ]);
  const breaker = {
    flux: new Breaker('deepgram-flux'),
    nova: new Breaker('deepgram-nova'),
    claude: new Breaker('claude'),
    socketVoice: new Breaker('elevenlabs-socket'),
    httpVoice: new Breaker('elevenlabs-http'),
    aura: new Breaker('deepgram-aura'),
    twilio: new RequestBreaker('twilio'),
  };
  const geminiBreaker = new Breaker('gemini');
  const ownVoice = [
    guardTts(createElevenLabsSocket(elevenlabs), breaker.socketVoice),
    guardTts(httpVoice, breaker.httpVoice),
  ];
  return {
    stt: [guardStt(flux, breaker.flux), guardStt(nova, breaker.nova)],
    llm: [
      guardLlm(claude, breaker.claude),
      ...(second === undefined ? [] : [guardLlm(second, geminiBreaker)]),
    ],
    tts: [...ownVoice, guardTts(aura, breaker.aura)],
    ownVoice,
    recordings: clips,
    telephony: guardTelephony(carrier, breaker.twilio),
    breakers: [...Object.values(breaker), ...(second === undefined ? [] : [geminiBreaker])],
    warm: async () => {
      // The lower rungs have time to connect when they are needed.
      await claude.prewarm(systemPrompt(stranger(''), new Date()), COMPANION_TOOLS);
    },
    close: () => {
      claude.close();
      second?.close();
      httpVoice.shutDown();
      aura.shutDown();
      breaker.twilio.shutDown();
    },
  };
}
