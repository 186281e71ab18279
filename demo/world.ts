/** The world around the server: the four vendors on loopback, as far as they are not real. */
import { startAnthropicEmulator, type AnthropicEmulator } from '../emulators/anthropic/server.ts';
import { companionBrain } from '../emulators/anthropic/brain.ts';
import { splitTokens } from '../emulators/anthropic/tokens.ts';
import { startDeepgramEmulator, type DeepgramEmulator } from '../emulators/deepgram/server.ts';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../emulators/elevenlabs/server.ts';
import { startTwilioEmulator } from '../emulators/twilio/emulator.ts';
import type { TwilioEmulator } from '../emulators/twilio/types.ts';
import { commonLines } from '../src/companion/lines.ts';
import { ClauseSplitter, DEFAULT_CLAUSES, DRAFT_CLAUSES } from '../src/conversation/clauses.ts';
import type { Scenario } from './script.ts';

/** The number that the emulated account owns: one that Twilio reserves for tests. */
export const OUR_NUMBER = '+15005550006';
const AUTH_TOKEN = 'emulated-twilio-token';
const API_KEY = 'emulated-key';
/** The pace at which the companion speaks to older people unless they like it otherwise. */
const SPEECH_SPEED = 0.9;

export type World = {
  readonly twilio: TwilioEmulator;
  /** Undefined: the real vendor serves. */
  readonly stt: DeepgramEmulator | undefined;
  readonly model: AnthropicEmulator | undefined;
  readonly voice: ElevenLabsEmulator | undefined;
  /** What the server needs in its environment to live in this world. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
};

/** Which vendors are to be the real ones: those whose keys are in the environment. */
export type LiveVendors = {
  readonly stt: boolean;
  readonly model: boolean;
  readonly voice: boolean;
};

export const NO_LIVE_VENDORS: LiveVendors = { stt: false, model: false, voice: false };

export function liveVendors(environment: NodeJS.ProcessEnv): LiveVendors {
  const given = (name: string): boolean => (environment[name] ?? '').trim() !== '';
  return {
    stt: given('DEEPGRAM_API_KEY'),
    model: given('ANTHROPIC_API_KEY'),
    voice: given('ELEVENLABS_API_KEY') && given('ELEVENLABS_VOICE_ID'),
  };
}

/**
 * Starts the emulators with the scenario's replies in the model and its clauses already
 * synthesised, so that the emulated voice is never later than its script.
 */
export async function startWorld(scenario: Scenario, live: LiveVendors): Promise<World> {
  const twilio = await startTwilioEmulator({ authToken: AUTH_TOKEN });
  const stt = live.stt ? undefined : await startDeepgramEmulator({ apiKey: API_KEY });
  const model = live.model
    ? undefined
    : await startAnthropicEmulator({
        apiKey: API_KEY,
        reply: companionBrain({ table: scenario.replies }),
      });
  const voice = live.voice ? undefined : await startElevenLabsEmulator({ apiKey: API_KEY });
  if (voice) await prepareVoice(voice, scenario);
  const environment: Record<string, string> = {
    TWILIO_ACCOUNT_SID: twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: twilio.url,
    ...(stt && { DEEPGRAM_API_KEY: API_KEY, DEEPGRAM_BASE_URL: stt.url }),
    ...(model && { ANTHROPIC_API_KEY: API_KEY, ANTHROPIC_BASE_URL: model.url }),
    ...(voice && {
      ELEVENLABS_API_KEY: API_KEY,
      ELEVENLABS_VOICE_ID: 'emulated-voice',
      ELEVENLABS_BASE_URL: voice.url,
    }),
  };
  return {
    twilio,
    stt,
    model,
    voice,
    environment,
    close: async () => {
      const rest = [stt, model, voice].filter((emulator) => emulator !== undefined);
      await Promise.all([twilio, ...rest].map(async (emulator) => await emulator.close()));
    },
  };
}

/** The server warms up with its fixed lines: those too would be synthesised during the call. */
async function prepareVoice(voice: ElevenLabsEmulator, scenario: Scenario): Promise<void> {
  const speed = SPEECH_SPEED;
  for (const languageCode of ['en', 'es'] as const) {
    await voice.prepare(commonLines(languageCode), { speed, languageCode });
  }
  const { language } = scenario.person;
  await voice.prepare(scenarioClauses(scenario), { speed, languageCode: language });
}

/** The scripted replies as the server will hand them to the voice: clause by clause. */
export function scenarioClauses(scenario: Scenario): string[] {
  return scenario.replies.flatMap(({ reply }) => {
    if (typeof reply !== 'string') return [];
    return [DEFAULT_CLAUSES, DRAFT_CLAUSES].flatMap((options) => {
      const splitter = new ClauseSplitter(options);
      const clauses = splitTokens(reply, undefined).flatMap((token) => splitter.push(token));
      return [...clauses, ...splitter.end()];
    });
  });
}
