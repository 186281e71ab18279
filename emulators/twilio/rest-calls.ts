/** The REST resources that exist here: Calls and Messages of one account. */
import type { AmdRequest } from './amd.ts';
import type { Call, TwimlSource } from './call.ts';
import type { DialRequest } from './dial.ts';
import { callJson, messageJson, restError, type RestReply } from './rest-json.ts';
import type { RestRequest } from './rest.ts';
import type { StatusCallbackTarget } from './status-callbacks.ts';
import type { SentMessage, StatusCallbackEvent } from './types.ts';

const MAX_TWIML_CHARS = 4_000;
const MAX_BODY_CHARS = 1_600;
const DEFAULT_RING_SECONDS = 60;
const MAX_RING_SECONDS = 600;
const MAX_CALL_SECONDS = 14_400;
const DEFAULT_AMD_SECONDS = 30;

export type NewCall = {
  readonly to: string;
  readonly from: string;
  readonly statusCallback: StatusCallbackTarget | undefined;
  readonly dial: DialRequest;
};

/** What the REST resources do to the emulator. */
export type RestActions = {
  readonly accountSid: string;
  readonly calls: ReadonlyMap<string, Call>;
  readonly createCall: (request: NewCall) => Call;
  readonly sendMessage: (to: string, from: string, body: string) => SentMessage;
};

export function handleRest(actions: RestActions, request: RestRequest): RestReply {
  const { method, path } = request;
  const callSid = /^Calls\/(CA[0-9a-f]{32})\.json$/.exec(path)?.[1];
  if (path === 'Calls.json' && method === 'POST') return createCall(actions, request);
  if (path === 'Calls.json' && method === 'GET') return listCalls(actions, request);
  if (path === 'Messages.json' && method === 'POST') return createMessage(actions, request);
  if (path === '' && method === 'GET') {
    return { status: 200, body: { sid: actions.accountSid, status: 'active', type: 'Full' } };
  }
  const call = callSid === undefined ? undefined : actions.calls.get(callSid);
  if (!call) {
    const resource = `/2010-04-01/Accounts/${actions.accountSid}/${path}`;
    return restError(404, 20404, `The requested resource ${resource} was not found`);
  }
  if (method === 'GET') return { status: 200, body: callJson(call) };
  if (method === 'POST') return updateCall(call, request.form);
  return restError(405, 20004, 'Method not allowed');
}

function createCall(actions: RestActions, { form }: RestRequest): RestReply {
  const to = form.get('To') ?? '';
  const from = form.get('From') ?? '';
  if (to === '') return restError(400, 21201, "No 'To' number is specified");
  if (from === '') return restError(400, 21213, "No 'From' number is specified");
  if (!/^\+[1-9]\d{6,14}$/.test(to)) {
    return restError(400, 21211, `Invalid 'To' Phone Number: ${to}`);
  }
  const source = programSource(form, 'answer');
  if ('status' in source) return source;
  const dial: DialRequest = {
    source,
    ringTimeoutMs: seconds(form.get('Timeout'), DEFAULT_RING_SECONDS, MAX_RING_SECONDS),
    timeLimitMs: seconds(form.get('TimeLimit'), MAX_CALL_SECONDS, MAX_CALL_SECONDS),
    amd: amdRequest(form),
  };
  const call = actions.createCall({ to, from, statusCallback: statusTarget(form), dial });
  return { status: 201, body: callJson(call) };
}

/** `Url` wins over `Twiml`, as with Twilio. */
function programSource(
  form: URLSearchParams,
  kind: 'answer' | 'redirect',
): TwimlSource | RestReply {
  const url = form.get('Url');
  const twiml = form.get('Twiml');
  if (url !== null && url !== '') {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      return restError(400, 21205, `Url is not a valid URL: ${url}`);
    }
    return { from: 'url', url, method: httpMethod(form.get('Method')), kind, params: {} };
  }
  if (twiml === null || twiml === '') {
    return restError(400, 21205, 'Url parameter is required.');
  }
  if (twiml.length > MAX_TWIML_CHARS) {
    return restError(400, 21218, `Twiml is longer than ${MAX_TWIML_CHARS} characters`);
  }
  return { from: 'text', twiml };
}

function statusTarget(form: URLSearchParams): StatusCallbackTarget | undefined {
  const url = form.get('StatusCallback');
  if (url === null || !URL.canParse(url)) return undefined;
  const known: StatusCallbackEvent[] = ['initiated', 'ringing', 'answered', 'completed'];
  const wanted = form.getAll('StatusCallbackEvent').flatMap((value) => value.split(' '));
  const events = wanted.length === 0 ? ['completed'] : wanted;
  return {
    url,
    method: httpMethod(form.get('StatusCallbackMethod')),
    events: known.filter((event) => events.includes(event)),
  };
}

function amdRequest(form: URLSearchParams): AmdRequest | undefined {
  const mode = form.get('MachineDetection');
  if (mode !== 'Enable' && mode !== 'DetectMessageEnd') return undefined;
  const isAsync = form.get('AsyncAmd') === 'true';
  return {
    mode,
    asyncUrl: isAsync ? (form.get('AsyncAmdStatusCallback') ?? undefined) : undefined,
    asyncMethod: httpMethod(form.get('AsyncAmdStatusCallbackMethod')),
    timeoutMs: seconds(form.get('MachineDetectionTimeout'), DEFAULT_AMD_SECONDS, 59),
  };
}

function updateCall(call: Call, form: URLSearchParams): RestReply {
  const status = form.get('Status');
  if (!call.live) {
    return restError(400, 21220, 'Call is not in-progress. Cannot redirect.');
  }
  if (status === 'completed' || status === 'canceled') {
    const answered = call.answeredAtMs !== undefined;
    // `canceled` leaves an answered call alone.
    if (!answered) call.finish('server-canceled');
    else if (status === 'completed') call.finish('server-completed');
    return { status: 200, body: callJson(call) };
  }
  if (status !== null) return restError(400, 21218, `Invalid Status: ${status}`);
  if (call.direction === 'outbound-api' && call.answeredAtMs === undefined) {
    return restError(400, 21220, 'Call is not in-progress. Cannot redirect.');
  }
  const source = programSource(form, 'redirect');
  if ('status' in source) return source;
  call.replaceProgram(source);
  return { status: 200, body: callJson(call) };
}

function listCalls(actions: RestActions, { query }: RestRequest): RestReply {
  const pageSize = whole(query.get('PageSize'), 50, 1000);
  const page = whole(query.get('Page'), 0, 1_000_000);
  const matching = [...actions.calls.values()].toReversed().filter((call) =>
    (['Status', 'To', 'From'] as const).every((name) => {
      const wanted = query.get(name);
      const have = { Status: call.status, To: call.to, From: call.from }[name];
      return wanted === null || wanted === have;
    }),
  );
  const pageUri = (number: number): string => {
    const params = new URLSearchParams(query);
    params.set('PageSize', String(pageSize));
    params.set('Page', String(number));
    return `/2010-04-01/Accounts/${actions.accountSid}/Calls.json?${params.toString()}`;
  };
  const calls = matching.slice(page * pageSize, (page + 1) * pageSize);
  return {
    status: 200,
    body: {
      calls: calls.map(callJson),
      page,
      page_size: pageSize,
      start: page * pageSize,
      end: Math.max(page * pageSize, page * pageSize + calls.length - 1),
      uri: pageUri(page),
      first_page_uri: pageUri(0),
      next_page_uri: (page + 1) * pageSize < matching.length ? pageUri(page + 1) : null,
      previous_page_uri: page > 0 ? pageUri(page - 1) : null,
    },
  };
}

function createMessage(actions: RestActions, { form }: RestRequest): RestReply {
  const to = form.get('To') ?? '';
  const from = form.get('From') ?? form.get('MessagingServiceSid') ?? '';
  const body = form.get('Body') ?? '';
  if (to === '') return restError(400, 21604, "A 'To' phone number is required.");
  if (from === '') return restError(400, 21603, "A 'From' phone number is required.");
  if (body === '') return restError(400, 21602, 'Message body is required.');
  if (body.length > MAX_BODY_CHARS) {
    return restError(400, 21617, 'The concatenated message body exceeds the 1600 character limit.');
  }
  const message = actions.sendMessage(to, from, body);
  return { status: 201, body: messageJson(actions.accountSid, message) };
}

function httpMethod(value: string | null): 'GET' | 'POST' {
  return value?.toUpperCase() === 'GET' ? 'GET' : 'POST';
}

function seconds(value: string | null, fallback: number, max: number): number {
  return whole(value, fallback, max) * 1000;
}

function whole(value: string | null, fallback: number, max: number): number {
  const number = Number(value ?? fallback);
  return Number.isInteger(number) && number >= 0 ? Math.min(number, max) : fallback;
}
