/** The parts of one call, made and wired to its inbox. */
import { linesFor } from '../src/companion/lines.ts';
import { observe } from '../src/companion/observer.ts';
import { COMPANION_TOOLS } from '../src/companion/tools.ts';
import { systemPrompt } from '../src/companion/prompt.ts';
import { defaultSettings } from '../src/conversation/settings.ts';
import type { Input, Settings } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';
import type { CallIdentity, CallServices } from './call-types.ts';
import { CarrierVoice } from './carrier-voice.ts';
import { Listening } from './listen.ts';
import { Outlet } from './outlet.ts';
import { Recovery } from './recovery.ts';
import { Speaking } from './speak.ts';
import type { Manner } from './speech-cache.ts';
import { Thinking } from './think.ts';
import { ToolRunner } from './tool-runner.ts';

export type CallWiring = {
  readonly manner: Manner;
  readonly onInput: (input: Input) => void;
  readonly onEvent: (event: CallEvent) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
};

/** Limits and manners of a call's core, with what differs from the usual. */
export function settingsOf(
  { person: { language }, greeting }: CallIdentity,
  change: Partial<Settings>,
): Settings {
  return {
    ...defaultSettings(linesFor(language, greeting.join(' ')), language),
    observe: (text) => observe(text, language),
    ...change,
  };
}

export function assembleCall(identity: CallIdentity, services: CallServices, wiring: CallWiring) {
  const { manner, onInput, onEvent, now } = wiring;
  const { person } = identity;
  const { language } = person;
  const outlet = new Outlet({
    now,
    onSent: (utterance, toMs) => onInput({ kind: 'audio-sent', utterance, toMs }),
  });
  const ears = new Listening({
    vendors: services.stt,
    language,
    endOfTurn: person.manner,
    keyterms: person.name === '' ? [] : [person.name],
    now,
    onInput,
    onEvent,
  });
  const mind = new Thinking({
    vendors: services.llm,
    system: systemPrompt(person, services.wallClock()),
    tools: COMPANION_TOOLS,
    onInput,
    onEvent,
  });
  const voice = new Speaking({
    vendors: services.tts,
    manner,
    cache: services.speechCache,
    outlet,
    now,
    onInput,
    onEvent,
  });
  const tools = new ToolRunner({
    tools: COMPANION_TOOLS,
    wallClock: services.wallClock,
    onInput,
  });
  const recovery = new Recovery({
    redirect: async () => {
      const { callSid, epoch } = identity;
      // Whoever has it by now brings it back, too; the carrier's answer could come to us.
      if (await services.isStale(callSid, epoch)) return;
      await services.telephony.redirect(callSid, services.resumeUrl());
    },
    onFailed: () => {
      onEvent({ what: 'vendor-failed', vendor: 'twilio', failure: 'unreachable' });
    },
  });
  const carrierVoice = new CarrierVoice({
    redirect: async () => services.telephony.redirect(identity.callSid, services.sayUrl()),
    onInput,
    onEvent,
  });
  return { outlet, ears, mind, voice, tools, recovery, carrierVoice };
}
