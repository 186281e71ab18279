/**
 * Twilio's voice webhooks. Each is signed (checked before it gets here), may come twice or out of
 * order, and answers quickly: nothing slow belongs on the way to the caller's first sound.
 */
import { Router, type Response } from 'express';
import { z } from 'zod';
import type { Call } from '../pipelines/call.ts';
import { MAX_RESUMES, type Calls } from '../pipelines/calls.ts';
import type { Logger } from '../src/log.ts';
import type { People } from '../src/people.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import { newStreamToken, streamTokenTtlMs } from '../src/store/stream-token.ts';
import { connectStream, hangUp, sayAndHangUp, sayAndResume } from './twiml.ts';

export type VoiceRoutesOptions = {
  readonly calls: Calls;
  readonly people: People;
  readonly store: SessionStore;
  readonly log: Logger;
  readonly instance: string;
  /** Called per request: the port may come late. */
  readonly streamUrl: () => string;
  readonly publicUrl: () => string;
};

/** A webhook that was seen is remembered for longer than Twilio repeats one. */
const SEEN_TTL_MS = 3_600_000;
const CALL_TTL_MS = 3_600_000;
const TERMINAL = new Set(['completed', 'busy', 'failed', 'no-answer', 'canceled']);

const callSid = z.string().regex(/^CA[0-9A-Za-z]{2,40}$/);
const phone = z.string().max(80).default('');

const answerForm = z.object({
  CallSid: callSid,
  From: phone,
  To: phone,
  Direction: z.string().max(40).default('inbound'),
});
const statusForm = z.object({
  CallSid: callSid,
  CallStatus: z.string().max(40),
  SequenceNumber: z.string().max(20).default('0'),
});
const streamStatusForm = z.object({
  CallSid: callSid,
  StreamEvent: z.string().max(40).default(''),
});
const amdForm = z.object({ CallSid: callSid, AnsweredBy: z.string().max(40) });

const FULL = {
  en: 'All our lines are busy just now. Please call again in a few minutes. Goodbye.',
  es: 'Todas nuestras líneas están ocupadas. Llame de nuevo en unos minutos, por favor. Adiós.',
} as const;
const LOST = {
  en: 'I am sorry, the connection is bad today. Please call again a little later. Goodbye.',
  es: 'Lo siento, hoy la conexión es mala. Llame un poco más tarde, por favor. Adiós.',
} as const;

export function voiceRoutes(options: VoiceRoutesOptions): Router {
  const { calls, people, store, log } = options;
  const router = Router();

  /** TwiML that lets this call's next stream in, or undefined when no token could be kept. */
  const streamTwiml = async (call: Call): Promise<string | undefined> => {
    const token = newStreamToken();
    const { callSid: sid, direction, person } = call.identity;
    const data = { direction, personId: person.personId };
    try {
      await store.issueToken(token, { callSid: sid, data }, streamTokenTtlMs);
    } catch (error) {
      log.error('no stream token could be stored', { callSid: sid, error });
      return undefined;
    }
    const voice = `${options.publicUrl()}/voice`;
    const urls = {
      stream: options.streamUrl(),
      status: `${voice}/stream-status`,
      resume: `${voice}/resume`,
    };
    return connectStream(urls, token);
  };

  router.post('/answer', async (req, res) => {
    const form = answerForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    const { CallSid: sid, From, To, Direction } = form.data;
    const outbound = Direction.startsWith('outbound');
    const person = outbound
      ? (calls.dialledPerson(To) ?? people.byPhone(To))
      : people.byPhone(From);
    const call = calls.answer(sid, outbound ? 'outbound' : 'inbound', person);
    if (!call && calls.endOf(sid) !== undefined) return xml(res, hangUp());
    if (!call) {
      log.warn('call refused: no room', { callSid: sid, calls: calls.active });
      return xml(res, sayAndHangUp(FULL[person.language], person.language));
    }
    call.listen();
    remember(options, call);
    const twiml = await streamTwiml(call);
    xml(res, twiml ?? sayAndHangUp(FULL[person.language], person.language));
  });

  router.post('/resume', async (req, res) => {
    const form = answerForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    const { CallSid: sid, From, To, Direction } = form.data;
    const outbound = Direction.startsWith('outbound');
    const known = calls.get(sid);
    const { language } = people.byPhone(outbound ? To : From);
    if (calls.endOf(sid) === 'broken') return xml(res, sayAndHangUp(LOST[language], language));
    if (!known || known.isEnding) return xml(res, hangUp());
    if (known.losses >= MAX_RESUMES) {
      log.error('call lost its stream too often', { callSid: sid, epoch: known.epoch });
      calls.over(sid);
      return xml(res, sayAndHangUp(LOST[language], language));
    }
    known.resumeAsked();
    log.info('call resumes', { callSid: sid, epoch: known.epoch });
    const twiml = await streamTwiml(known);
    xml(res, twiml ?? sayAndHangUp(LOST[language], language));
  });

  // Where the carrier is sent when no voice of ours can speak. The words wait in the call, since a URL
  // would end up in logs.
  router.post('/say', (req, res) => {
    const form = answerForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    const { CallSid: sid } = form.data;
    const call = calls.get(sid);
    if (!call || call.isEnding) return xml(res, hangUp());
    const words = call.wordsForCarrier();
    const { language } = call.identity.person;
    log.info('carrier speaks', { callSid: sid });
    xml(res, sayAndResume(words, language, `${options.publicUrl()}/voice/resume`));
  });

  addCallbacks(router, options);
  return router;
}

/** What the carrier only tells: nobody on the line waits for these, so they are answered first. */
function addCallbacks(router: Router, { calls, store, log }: VoiceRoutesOptions): void {
  /** False for a webhook that came before. A store that cannot say lets it through. */
  const isNew = async (key: string): Promise<boolean> =>
    await store.seenOnce(key, SEEN_TTL_MS).catch(() => true);

  router.post('/status', async (req, res) => {
    const form = statusForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    const { CallSid: sid, CallStatus: callStatus, SequenceNumber: sequence } = form.data;
    res.status(204).end();
    if (!(await isNew(`status:${sid}:${sequence}:${callStatus}`))) return;
    log.info('call status', { callSid: sid, callStatus });
    // Callbacks overtake one another; the only one that changes anything is the last of a call.
    if (TERMINAL.has(callStatus)) calls.over(sid);
  });

  router.post('/stream-status', (req, res) => {
    const form = streamStatusForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    res.status(204).end();
    const { CallSid: sid, StreamEvent: state } = form.data;
    // The socket itself tells how a stream fares; this is the only place that shows failed upgrades.
    if (state === 'stream-error') log.error('stream error at the carrier', { callSid: sid });
    else log.info('stream status', { callSid: sid, state });
  });

  router.post('/amd', async (req, res) => {
    const form = amdForm.safeParse(req.body);
    if (!form.success) return badForm(res);
    const { CallSid: sid, AnsweredBy: answeredBy } = form.data;
    res.status(204).end();
    if (!(await isNew(`amd:${sid}`))) return;
    log.info('call answered', { callSid: sid, answeredBy });
    calls.get(sid)?.answeredBy(answeredByOf(answeredBy));
  });
}

function answeredByOf(answeredBy: string): 'human' | 'machine' | 'fax' | 'unknown' {
  if (answeredBy === 'human' || answeredBy === 'fax') return answeredBy;
  return answeredBy.startsWith('machine') ? 'machine' : 'unknown';
}

/** Where the call is, for whoever may have to take it over. Not waited for. */
function remember(options: VoiceRoutesOptions, call: Call): void {
  const { callSid, direction, person } = call.identity;
  const record = {
    callSid,
    personId: person.personId,
    direction,
    phase: 'ringing' as const,
    epoch: 0,
    owner: options.instance,
    resumeCount: 0,
    startedAtMs: Date.now(),
  };
  options.store.putCall(record, CALL_TTL_MS).catch((error: unknown) => {
    options.log.warn('call record not stored', { callSid, error });
  });
}

function badForm(res: Response): void {
  res.status(400).end();
}

function xml(res: Response, body: string): void {
  res.type('text/xml').send(body);
}
