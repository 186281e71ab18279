/** Gathers what the judges of a call are shown, out of the emulators' logs and the caller's earpiece. */
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import type { Part } from './caller.ts';
import type { Cell } from './cells.ts';
import type { CallEvidence, ModelView, Phrase, Span } from './evidence.ts';
import type { StreamEvidence } from './media.ts';
import { EXCHANGES, personOf, type Role } from './phrases.ts';
import type { StrikeEvidence } from './struck.ts';
import type { Emulators, World } from './world.ts';

/** `struckAtMs`, `arrivedAtMs`: monotonic. */
export function evidenceOf(
  leg: CallerLeg,
  part: Part,
  role: Role,
  { struckAtMs, arrivedAtMs }: { struckAtMs: number; arrivedAtMs: number | undefined },
  emulators: Emulators,
): CallEvidence {
  const answeredAtMs = leg.answeredAtMs ?? struckAtMs;
  const ended = emulators.twilio.log
    .all('call-ended')
    .find((entry) => entry.callSid === leg.callSid);
  return {
    faultMs: struckAtMs - answeredAtMs,
    arrivedMs: arrivedAtMs === undefined ? undefined : arrivedAtMs - answeredAtMs,
    words: leg.playout.heardWords().map(({ text, lineStartMs, lineEndMs, damaged }) => {
      return { text, startMs: lineStartMs, endMs: lineEndMs, damaged };
    }),
    silences: leg.playout.silences(100).map(({ lineStartMs, lineEndMs }) => {
      return { fromMs: lineStartMs, toMs: lineEndMs };
    }),
    clearsMs: leg.playout
      .clears()
      .filter(({ reason }) => reason === 'clear')
      .map(({ lineMs }) => lineMs),
    speaking: speechOf(leg, emulators),
    turns: part.said
      .filter(({ exchange }) => exchange !== 'story')
      .map(({ exchange, text, repetition, firstFrameAtMs, lastWordAtMs }) => ({
        text,
        repetition,
        firstFrameMs: firstFrameAtMs - answeredAtMs,
        lastWordMs: lastWordAtMs - answeredAtMs,
        reply: EXCHANGES[exchange].reply,
      })),
    underWay: part.underWay,
    modelViews: modelViewsOf(emulators, personOf(role).name),
    end: ended?.end.how,
    endMs: (ended?.atMs ?? Infinity) - answeredAtMs,
    trouble: part.trouble,
  };
}

/** When the caller's sound was on the line. */
function speechOf({ callSid }: CallerLeg, { twilio }: Emulators): Span[] {
  const spans: Span[] = [];
  for (const entry of twilio.log.entries) {
    if (!('callSid' in entry) || entry.callSid !== callSid) continue;
    if (entry.what === 'speech-started') spans.push({ fromMs: entry.lineMs, toMs: Infinity });
    const last = spans.at(-1);
    if (entry.what === 'speech-ended' && last) spans.splice(-1, 1, { ...last, toMs: entry.lineMs });
  }
  return spans;
}

/** The media streams of a call, by the carrier's log. */
export function streamsOf(
  { callSid, answeredAtMs = 0 }: CallerLeg,
  { faultMs, endMs }: CallEvidence,
  { twilio }: Emulators,
): StreamEvidence {
  const started = twilio.log.all('stream-started').filter((entry) => entry.callSid === callSid);
  const lost = twilio.log
    .all('stream-ended')
    .filter((entry) => entry.callSid === callSid)
    .filter(({ how }) => how !== 'caller-hung-up' && how !== 'call-updated');
  return {
    faultMs,
    startedMs: started.map(({ atMs }) => atMs - answeredAtMs),
    lostMs: lost.map(({ atMs }) => atMs - answeredAtMs).filter((atMs) => atMs < endMs),
    endMs,
  };
}

/** What the cell's vendor, wire and name did because of the fault, and what of it this call was. */
export function strikeEvidenceOf(
  { vendor, moment }: Cell,
  world: World,
  call: {
    callSid: string | undefined;
    beganAtMs: number;
    endedAtMs: number;
    struckAtMs: number;
    callsOfServer: number;
  },
): StrikeEvidence {
  const { callSid, beganAtMs, endedAtMs, struckAtMs, callsOfServer } = call;
  const { name } = personOf(moment);
  const isOpenAsked = moment === 'mid-sentence' && (vendor === 'claude' || vendor === 'gemini');
  return {
    acts: world.acts(),
    fromMs: Math.max(beganAtMs, struckAtMs),
    toMs: endedAtMs,
    signs: callSid === undefined ? [name] : [name, callSid],
    callsOfServer,
    wireFelt: world.wireFelt(),
    openRequests: isOpenAsked ? openRequests(world.emulators, vendor, name, struckAtMs) : undefined,
  };
}

/** Requests about a person that had been asked and not been answered whole at that moment. */
function openRequests(
  emulators: Emulators,
  vendor: 'claude' | 'gemini',
  name: string,
  atMs: number,
): number {
  const { log } = vendor === 'claude' ? emulators.anthropic : emulators.gemini;
  const asked =
    vendor === 'claude' ? ofPerson(emulators, name).claude : ofPerson(emulators, name).gemini;
  const over = new Set(
    [...log.all('complete'), ...log.all('aborted')]
      .filter((entry) => entry.atMs < atMs)
      .map(({ id }) => id),
  );
  return asked.filter((request) => request.atMs < atMs && !over.has(request.id)).length;
}

/** Every request about a person, by model. */
function ofPerson({ anthropic, gemini }: Emulators, name: string) {
  return {
    claude: anthropic.log
      .all('request')
      .filter(({ system }) => system.some((block) => block.text?.includes(name))),
    gemini: gemini.log.all('request').filter(({ systemText }) => systemText.includes(name)),
  };
}

/** Answers to what was heard only in part: they are in no script, and are replies all the same. */
export function improvised(emulators: Emulators, name: string): Phrase[] {
  const { claude, gemini } = ofPerson(emulators, name);
  const own = new Set([...claude, ...gemini].map(({ id }) => id));
  return [...emulators.anthropic.log.all('reply'), ...emulators.gemini.log.all('reply')]
    .filter(({ id, text }) => own.has(id) && text !== '')
    .map(({ text }) => ({ text, means: 'reply' }));
}

/** The caller's words in every request about a person, to whichever model. */
function modelViewsOf(emulators: Emulators, name: string): ModelView[] {
  const { claude, gemini } = ofPerson(emulators, name);
  const views = [
    ...claude.map(({ atMs, messages }) => {
      const own = messages.filter(({ role }) => role === 'user');
      const texts = own.flatMap(({ content }) => content.map((block) => block.text ?? ''));
      return { atMs, userText: texts.join(' ') };
    }),
    ...gemini.map(({ atMs, contents }) => {
      const own = contents.filter(({ role }) => role === 'user');
      const texts = own.flatMap(({ parts }) => parts.map((part) => part.text ?? ''));
      return { atMs, userText: texts.join(' ') };
    }),
  ];
  return views.toSorted((a, b) => a.atMs - b.atMs);
}
