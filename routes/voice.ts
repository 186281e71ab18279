/**
 * Twilio's voice webhooks. Each is signed (checked before it gets here), may come twice or out of
 * order, and answers quickly: nothing slow belongs on the way to the caller's first sound.
 */
import { randomUUID } from 'node:crypto';
import { Router, type Request } from 'express';
import { z } from 'zod';
import type { Call } from '../pipelines/call.ts';
import type { CallSessions } from '../pipelines/call-sessions.ts';
import { FIRST_EPOCH, MAX_RESUMES, type Calls } from '../pipelines/calls.ts';
import type { WebhookInbox } from '../pipelines/webhooks.ts';
import { isWithoutPersonalData, type Person } from '../src/companion/person.ts';
import type { Logger } from '../src/log.ts';
import type { People } from '../src/people.ts';
import type { StreamTokens } from '../src/store/stream-tokens.ts';
import { callSid } from './call-sid.ts';
import { PROVIDER } from './callbacks.ts';
import { asSureAs, type CallerTrust } from './caller.ts';
import { rawFormOf } from './twilio-signature.ts';
import { connectStream, hangUp, resumeLater, sayAndHangUp, sayAndResume } from './twiml.ts';

export type VoiceRoutesOptions = {
  readonly calls: Calls;
  readonly people: People;
  readonly tokens: StreamTokens;
  readonly sessions: Pick<CallSessions, 'takeOver' | 'isOver' | 'hasOtherAccepting'>;
  readonly log: Logger;
  /** Called per request: the port may come late. */
  readonly streamUrl: () => string;
  /** The absolute URL of a path of ours, as the carrier is given it. */
  readonly webhookUrl: (path: string) => string;
  readonly inbox: Pick<WebhookInbox, 'record'>;
  readonly trustCallerId: CallerTrust;
};

/** A call that was moved asks here again this often; then it is taken back. */
const MAX_SENT_ON = 5;
/** Calls of which it is remembered how often they were sent on. */
const MAX_REMEMBERED = 1_000;

const phone = z.string().max(80).default('');

const answerForm = z.object({
  CallSid: callSid,
  From: phone,
  To: phone,
  Direction: z.string().max(40).default('inbound'),
  StirVerstat: z.string().max(40).optional(),
  CallStatus: z.string().max(40).default(''),
});

const FULL = {
  en: 'All our lines are busy just now. Please call again in a few minutes. Goodbye.',
  es: 'Todas nuestras líneas están ocupadas. Llame de nuevo en unos minutos, por favor. Adiós.',
} as const;
const LOST = {
  en: 'I am sorry, the connection is bad today. Please call again a little later. Goodbye.',
  es: 'Lo siento, hoy la conexión es mala. Llame un poco más tarde, por favor. Adiós.',
} as const;

type Form = z.output<typeof answerForm>;

export function voiceRoutes(options: VoiceRoutesOptions): Router {
  const router = Router();
  const isToBeSentOn = sendingOn(options);
  const add = (name: 'answer' | 'resume' | 'say', twimlFor: (form: Form) => Promise<string>) => {
    router.post(`/${name}`, async (req, res) => {
      const form = answerForm.safeParse(req.body);
      if (!form.success) {
        res.status(400).end();
        return;
      }
      // A call is answered once; the others come as often as something is to be done.
      const which = name === 'answer' ? name : `${name}/${tokenOf(req)}`;
      record(options, req, `${form.data.CallSid}/${which}`);
      res.type('text/xml').send(await twimlFor(form.data));
    });
  };
  add('answer', async (form) => await answer(options, form, isToBeSentOn));
  add('resume', async (form) => await resume(options, form, isToBeSentOn));
  add('say', async (form) => say(options, form));
  return router;
}

/** TwiML that lets this call's next stream in. */
async function streamTwiml(options: VoiceRoutesOptions, call: Call): Promise<string> {
  const { callSid: sid, direction, person, epoch } = call.identity;
  const plain = isWithoutPersonalData(person) ? 'yes' : 'no';
  const data = { direction, personId: person.personId, epoch: String(epoch), plain };
  const token = await options.tokens.issue({ callSid: sid, data });
  const urls = {
    stream: options.streamUrl(),
    status: options.webhookUrl('/voice/stream-status'),
    resume: options.webhookUrl('/voice/resume'),
  };
  return connectStream(urls, token);
}

type IsToBeSentOn = (callSid: string) => boolean;

/** A call that was let go of here and has come back before the balancer knows that we leave. */
function sendingOn({ calls, sessions }: VoiceRoutesOptions): IsToBeSentOn {
  const sentOn = new Map<string, number>();
  return (sid) => {
    const times = (sentOn.get(sid) ?? 0) + 1;
    const isOurs = calls.get(sid) !== undefined || !calls.isDraining;
    if (isOurs || !sessions.hasOtherAccepting || times > MAX_SENT_ON) return false;
    sentOn.set(sid, times);
    const [oldest] = sentOn.keys();
    if (sentOn.size > MAX_REMEMBERED && oldest !== undefined) sentOn.delete(oldest);
    return true;
  };
}

function isOutbound({ Direction }: Form): boolean {
  return Direction.startsWith('outbound');
}

/** Whoever called, as far as they may be taken for them. */
function callerOf({ people, trustCallerId }: VoiceRoutesOptions, form: Form): Person {
  return asSureAs(people.byPhone(form.From), form.StirVerstat, trustCallerId);
}

async function answer(
  options: VoiceRoutesOptions,
  form: Form,
  isToBeSentOn: IsToBeSentOn,
): Promise<string> {
  const { calls, people, sessions, log } = options;
  const { CallSid: sid, To } = form;
  const isNewHere = calls.get(sid) === undefined && calls.endOf(sid) === undefined;
  if (isNewHere && (await sessions.isOver(sid))) return hangUp();
  const outbound = isOutbound(form);
  const person = outbound
    ? (calls.dialledPerson(To) ?? people.byPhone(To))
    : callerOf(options, form);
  const call = calls.answer(sid, outbound ? 'outbound' : 'inbound', person);
  const end = calls.endOf(sid);
  if (!call && end !== undefined && end !== 'moved') return hangUp();
  if (!call && isToBeSentOn(sid)) return resumeLater(options.webhookUrl('/voice/answer'));
  if (!call) {
    const why = calls.turnAway();
    log.warn('call refused: no room', { callSid: sid, calls: calls.active, why });
    return sayAndHangUp(FULL[person.language], person.language);
  }
  call.listen();
  return await streamTwiml(options, call);
}

async function resume(
  options: VoiceRoutesOptions,
  form: Form,
  isToBeSentOn: IsToBeSentOn,
): Promise<string> {
  const { calls, people, sessions, log } = options;
  const { CallSid: sid, To, CallStatus } = form;
  const outbound = isOutbound(form);
  // The carrier may not say again how sure it is; then what was known at the beginning holds.
  const isVouchedFor = outbound || form.StirVerstat !== undefined;
  const caller = isVouchedFor ? callerOf(options, form) : people.byPhone(form.From);
  const person = outbound ? people.byPhone(To) : caller;
  const { language } = person;
  const end = calls.endOf(sid);
  if (end === 'broken') return sayAndHangUp(LOST[language], language);
  if (end === 'ended') return hangUp();
  if (isToBeSentOn(sid)) return resumeLater(options.webhookUrl('/voice/resume'));
  const known = calls.get(sid);
  const taken = known
    ? ({ kind: 'taken', call: known } as const)
    : await sessions.takeOver({
        callSid: sid,
        direction: outbound ? 'outbound' : 'inbound',
        person,
        isSure: isVouchedFor,
        why: 'resume',
        inProgress: CallStatus === 'in-progress',
        above: FIRST_EPOCH,
      });
  if (taken.kind === 'over') return hangUp();
  if (taken.kind !== 'taken') {
    log.error('call could not be taken over', { callSid: sid, what: taken.kind });
    return sayAndHangUp(LOST[language], language);
  }
  const { call } = taken;
  if (call.isEnding) return hangUp();
  if (known && call.losses >= MAX_RESUMES) {
    log.error('call lost its stream too often', { callSid: sid, epoch: call.epoch });
    call.giveUp();
    return sayAndHangUp(LOST[language], language);
  }
  call.resumeAsked();
  const { epoch } = call.identity;
  log.info(known ? 'call resumes' : 'call taken over', { callSid: sid, epoch });
  return await streamTwiml(options, call);
}

/**
 * Where the carrier is sent when no voice of ours can speak. The words wait in the call, since a URL
 * would end up in logs.
 */
function say({ calls, log, webhookUrl }: VoiceRoutesOptions, { CallSid: sid }: Form): string {
  const call = calls.get(sid);
  const back = webhookUrl('/voice/resume');
  // Another process has the words: what can be done here is to go on without them.
  if (!call && calls.endOf(sid) === undefined) return resumeLater(back, 0);
  if (!call || call.isEnding) return hangUp();
  const words = call.wordsForCarrier();
  const { language } = call.identity.person;
  log.info('carrier speaks', { callSid: sid });
  return sayAndResume(words, language, back);
}

/** Kept as it came, whatever is answered. Not waited for. */
function record({ inbox }: VoiceRoutesOptions, req: Request, eventKey: string): void {
  const path = `${req.baseUrl}${req.path}`;
  inbox.record({ provider: PROVIDER, eventKey, path, body: rawFormOf(req) });
}

/** What tells requests of the same kind apart: Twilio's own token where it sends one. */
function tokenOf(req: Request): string {
  const token = req.get('i-twilio-idempotency-token') ?? '';
  return /^[0-9A-Za-z-]{8,64}$/.test(token) ? token : randomUUID();
}
