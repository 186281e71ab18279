/**
 * The vendors, each behind its breaker, best rung first. Part of the composition: together with
 * `app.ts` the only place that names them.
 */
import { Breaker, type BreakerStatus } from '../adapters/breaker.ts';
import { guardLlm, guardStt, guardTelephony, guardTts } from '../adapters/guarded.ts';
import { Late, lateLlm, lateStt, lateTelephony, lateTts } from '../adapters/late.ts';
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
  /**
   * Loads the SDKs, one after the other with a `pause` after each, those that the first call needs
   * first; one that is asked for earlier is loaded at once. Stops when `pause` says so. Rejects when
   * one cannot be loaded.
   */
  load(pause: () => Promise<'go-on' | 'stop'>): Promise<void>;
  /** Opens what the first call would have to wait for. Never rejects. */
  warm(): Promise<void>;
  /** Destroys the pooled connections. */
  close(): void;
};

export async function connectVendors(config: Config): Promise<Vendors> {
  const { elevenlabs } = config;
  const { flux, nova, claude, second, aura, carrier } = lateVendors(config);
  const httpVoice = createElevenLabsHttp(elevenlabs);
  // What was not recorded is left to the carrier's own voice.
  const clips = await createClips(undefined, 'fail');
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
  const firstMind = guardLlm(lateLlm('claude', claude), breaker.claude);
  return {
    stt: [
      guardStt(lateStt('deepgram-flux', flux), breaker.flux),
      guardStt(lateStt('deepgram-nova', nova), breaker.nova),
    ],
    llm: second ? [firstMind, guardLlm(lateLlm('gemini', second), geminiBreaker)] : [firstMind],
    tts: [...ownVoice, guardTts(lateTts('deepgram-aura', aura), breaker.aura)],
    ownVoice,
    recordings: clips,
    telephony: guardTelephony(lateTelephony(carrier), breaker.twilio),
    breakers: [...Object.values(breaker), ...(second ? [geminiBreaker] : [])],
    load: async (pause) => {
      for (const late of [flux, claude, carrier, nova, aura, ...(second ? [second] : [])]) {
        await late.get();
        if ((await pause()) === 'stop') return;
      }
    },
    warm: async () => {
      // The lower rungs have time to connect when they are needed.
      await firstMind.prewarm?.(systemPrompt(stranger(''), new Date()), COMPANION_TOOLS);
    },
    close: () => {
      carrier.loaded?.close();
      claude.loaded?.close();
      second?.loaded?.close();
      httpVoice.shutDown();
      aura.loaded?.shutDown();
      breaker.twilio.shutDown();
    },
  };
}

/** Those with an SDK. */
function lateVendors({ deepgram, anthropic, gemini, twilio }: Config) {
  const { apiKey } = gemini;
  return {
    flux: new Late(async () => await createDeepgramFlux(deepgram)),
    nova: new Late(async () => await createDeepgramNova(deepgram)),
    claude: new Late(async () => await createClaude(anthropic)),
    second:
      apiKey === undefined
        ? undefined
        : new Late(async () => await createGemini({ ...gemini, apiKey })),
    aura: new Late(async () => await createDeepgramAura(deepgram)),
    carrier: new Late(async () => await createTwilio(twilio)),
  };
}
