import { speakText, playUrl, playTones } from './call-audio.ts';
import { commonParams } from './call-params.ts';
import { connectStream } from './call-stream.ts';
import type { Call, TwimlSource } from './call.ts';
import { gather } from './gather.ts';
import type { CallEnd } from './types.ts';
import { parseTwiml, type Verb } from './twiml.ts';
import { NEXT, resolveUrl, webhookSource, type VerbOutcome } from './verb-outcome.ts';

/** A call that redirects more often than this is a loop. */
const MAX_DOCUMENTS = 200;

/**
 * Runs a call's TwiML until the call ends: fetches a document, executes its verbs in order,
 * follows redirects, and starts anew with whatever a REST update puts in its place. A webhook that
 * fails (11200) or answers with what is not TwiML (12100) ends the call.
 */
export async function runProgram(call: Call, first: TwimlSource): Promise<void> {
  let source: TwimlSource = first;
  for (let documents = 0; documents < MAX_DOCUMENTS; documents += 1) {
    const outcome = await runDocument(call, source);
    if (!call.live) return;
    const replacement = call.takeReplacement();
    if (replacement) source = replacement;
    else if (outcome.follow === 'document') source = outcome.source;
    else {
      call.finish(outcome.follow === 'end' ? outcome.how : 'twiml-ended');
      return;
    }
  }
  call.error(11205, 'too many documents: redirect loop');
  call.finish('failed', 11205);
}

async function runDocument(call: Call, source: TwimlSource): Promise<VerbOutcome> {
  const text = await loadDocument(call, source);
  if (text === undefined || call.interrupted) return NEXT;
  const parsed = parseTwiml(text);
  if (!parsed.ok) {
    call.error(parsed.problem.code, parsed.problem.message);
    call.finish('failed', parsed.problem.code);
    return NEXT;
  }
  for (const warning of parsed.warnings) call.error(warning.code, warning.message);
  call.host.log.add({
    what: 'twiml',
    callSid: call.sid,
    verbs: parsed.verbs.map((verb) => verb.verb),
    source: source.from === 'url' ? source.url : 'update',
  });
  const base = source.from === 'url' ? source.url : undefined;
  for (const verb of parsed.verbs) {
    const outcome = await runVerb(call, verb, base);
    if (call.interrupted) return NEXT;
    if (outcome.follow !== 'next') return outcome;
  }
  // An empty document answers a ringing call and hangs up at once.
  call.answer();
  return NEXT;
}

async function loadDocument(call: Call, source: TwimlSource): Promise<string | undefined> {
  if (source.from === 'text') return source.twiml;
  const answer = await call.host.webhooks.send({
    callSid: call.sid,
    kind: source.kind,
    url: source.url,
    method: source.method,
    params: { ...commonParams(call, call.status), ...source.params },
  });
  if (answer.status >= 200 && answer.status < 300) return answer.body;
  // A redirect by REST while the webhook was asked makes its failure irrelevant.
  if (!call.interrupted) {
    call.error(11200, `${source.url}: ${answer.failure ?? `answered ${answer.status}`}`);
    call.finish('failed', 11200);
  }
  return undefined;
}

async function runVerb(call: Call, verb: Verb, base: string | undefined): Promise<VerbOutcome> {
  const { log } = call.host;
  const text = verb.verb === 'Say' ? verb.text : verb.verb === 'Play' ? verb.url : undefined;
  log.add({
    what: 'verb-started',
    callSid: call.sid,
    verb: verb.verb,
    ...(text === undefined ? {} : { text }),
  });
  const outcome = await executeVerb(call, verb, base);
  log.add({ what: 'verb-ended', callSid: call.sid, verb: verb.verb });
  return outcome;
}

async function executeVerb(call: Call, verb: Verb, base: string | undefined): Promise<VerbOutcome> {
  switch (verb.verb) {
    case 'Reject':
      if (call.answeredAtMs === undefined) return { follow: 'end', how: rejection(verb.reason) };
      call.error(12200, '<Reject> after the call was answered');
      return NEXT;
    case 'Pause':
      // A leading pause lets an incoming call ring.
      await call.pause(verb.pauseMs);
      return NEXT;
    case 'Hangup':
      call.answer();
      return { follow: 'end', how: 'hangup-verb' };
    case 'Redirect':
      return { follow: 'document', source: webhookSource(verb.url, verb.method, 'redirect', base) };
    case 'Say':
      call.answer();
      await speakText(call, verb.text, verb.language, verb.loop);
      return NEXT;
    case 'Play':
      call.answer();
      if (verb.digits !== '') await playTones(call, verb.digits);
      else await playUrl(call, resolveUrl(verb.url, base), verb.loop);
      return NEXT;
    case 'Gather':
      call.answer();
      return await gather(call, verb, base, async (prompt) => {
        await executeVerb(call, prompt, base);
      });
    case 'Connect':
      call.answer();
      return await connectStream(call, verb, base);
  }
}

function rejection(reason: 'busy' | 'rejected'): CallEnd['how'] {
  return reason === 'busy' ? 'busy' : 'rejected';
}
