import { newSid, type Call } from './call.ts';
import { MediaStream, type StreamEnd } from './media-stream.ts';
import { twilioSignature } from './signature.ts';
import type { StreamNoun, Verb } from './twiml.ts';
import { NEXT, webhookSource, type VerbOutcome } from './verb-outcome.ts';

type ConnectVerb = Extract<Verb, { verb: 'Connect' }>;

/**
 * `<Connect><Stream>`: opens the media socket, keeps the call in it, and says what follows when it
 * is gone. After a close by the server comes the next verb or the `action` URL; after an abrupt
 * loss, what `script.abruptLoss` says; a socket that never stood is treated like a close, after a
 * `stream-error` (Twilio's documentation is silent on that).
 */
export async function connectStream(
  call: Call,
  verb: ConnectVerb,
  base: string | undefined,
): Promise<VerbOutcome> {
  const { script } = call.host;
  const streamSid = newSid('MZ');
  if (script.streamConnectMs > 0 && !(await call.pause(script.streamConnectMs))) return NEXT;
  const url = resolveStreamUrl(verb.stream.url, base);
  const problem = checkStreamUrl(url);
  if (problem) call.error(problem.code, problem.message);
  const end: StreamEnd = problem
    ? { how: 'failed', errorCode: problem.code, detail: problem.message }
    : await holdStream(call, verb.stream, url, streamSid);
  tellStreamStatus(call, verb.stream, streamSid, ...statusOf(end));
  if (call.interrupted) return NEXT;
  if (end.how === 'lost') {
    const loss = script.abruptLoss;
    if (loss.outcome === 'hangs-up') return { follow: 'end', how: 'stream-lost' };
    const waited = await call.pause(loss.outcome === 'silent' ? loss.forMs : loss.delayMs);
    if (!waited) return NEXT;
    if (loss.outcome === 'silent') return { follow: 'end', how: 'stream-lost' };
  }
  if (verb.action === undefined) return NEXT;
  const params = { StreamSid: streamSid, StreamName: verb.stream.name ?? streamSid };
  return {
    follow: 'document',
    source: webhookSource(verb.action, verb.method, 'action', base, params),
  };
}

async function holdStream(
  call: Call,
  noun: StreamNoun,
  url: string,
  streamSid: string,
): Promise<StreamEnd> {
  const { host } = call;
  const stream = new MediaStream({
    accountSid: host.accountSid,
    callSid: call.sid,
    streamSid,
    url,
    signature: twilioSignature(host.authToken, url),
    parameters: noun.parameters,
    line: call.line,
    network: call.network,
    log: host.log,
    fault: host.faults.next('media') ?? call.network.takeFault(),
    onStarted: () => {
      call.streamSid = streamSid;
      call.streamCount += 1;
      tellStreamStatus(call, noun, streamSid, 'stream-started');
      call.waits.check();
    },
    onMedia: (atMs) => {
      call.mediaArrivals.push(atMs);
      call.waits.check();
    },
  });
  call.stream = stream;
  const end = await stream.finished;
  call.stream = undefined;
  call.waits.check();
  return end;
}

function statusOf(end: StreamEnd): ['stream-stopped' | 'stream-error', number?] {
  if (end.how === 'failed') return ['stream-error', end.errorCode];
  return end.how === 'lost' ? ['stream-error', 31921] : ['stream-stopped'];
}

function tellStreamStatus(
  call: Call,
  noun: StreamNoun,
  streamSid: string,
  event: 'stream-started' | 'stream-stopped' | 'stream-error',
  errorCode?: number,
): void {
  if (noun.statusCallback === undefined) return;
  call.own(
    call.host.webhooks.send({
      callSid: call.sid,
      kind: 'stream-status',
      url: noun.statusCallback,
      method: noun.statusCallbackMethod,
      params: {
        AccountSid: call.accountSid,
        CallSid: call.sid,
        StreamSid: streamSid,
        StreamName: noun.name ?? streamSid,
        StreamEvent: event,
        Timestamp: new Date().toISOString(),
        ...(errorCode === undefined ? {} : { StreamError: String(errorCode) }),
      },
    }),
  );
}

/** A relative stream URL is on the document's host, with the scheme's WebSocket twin. */
function resolveStreamUrl(url: string, base: string | undefined): string {
  if (base === undefined || /^[a-z][a-z0-9+.-]*:/i.test(url)) return url;
  const resolved = new URL(url, base);
  resolved.protocol = resolved.protocol === 'http:' ? 'ws:' : 'wss:';
  return resolved.href;
}

/** Twilio takes wss only, without a query; here ws is taken too, for the loopback. */
function checkStreamUrl(url: string): { code: number; message: string } | undefined {
  if (!URL.canParse(url)) return { code: 31923, message: 'malformed stream URL' };
  const { protocol, hostname, search } = new URL(url);
  const loopback = hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]';
  if (protocol !== 'wss:' && !(protocol === 'ws:' && loopback)) {
    return { code: 31922, message: `stream URL has scheme ${protocol}` };
  }
  if (search !== '') return { code: 31920, message: 'stream URLs may not have a query string' };
  return undefined;
}
