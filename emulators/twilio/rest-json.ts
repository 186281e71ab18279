/** The JSON of Twilio's REST API: calls, messages, errors. */
import type { ServerResponse } from 'node:http';
import { rfc2822 } from './call-params.ts';
import type { Call } from './call.ts';
import type { SentMessage } from './types.ts';

export type RestReply = { readonly status: number; readonly body: unknown };

export function callJson(call: Call): Record<string, unknown> {
  const over = call.end !== undefined;
  const uri = `/2010-04-01/Accounts/${call.accountSid}/Calls/${call.sid}`;
  return {
    sid: call.sid,
    account_sid: call.accountSid,
    annotation: null,
    answered_by: call.answeredBy ?? null,
    api_version: '2010-04-01',
    caller_name: null,
    date_created: rfc2822(call.createdAt),
    date_updated: rfc2822(call.endedAt ?? call.answeredAt ?? call.createdAt),
    direction: call.direction,
    duration: over ? String(call.durationSeconds()) : null,
    end_time: call.endedAt ? rfc2822(call.endedAt) : null,
    forwarded_from: null,
    from: call.from,
    from_formatted: call.from,
    group_sid: null,
    parent_call_sid: null,
    phone_number_sid: null,
    price: null,
    price_unit: 'USD',
    queue_time: '0',
    start_time: call.answeredAt ? rfc2822(call.answeredAt) : null,
    status: call.status,
    subresource_uris: {
      events: `${uri}/Events.json`,
      notifications: `${uri}/Notifications.json`,
      recordings: `${uri}/Recordings.json`,
      streams: `${uri}/Streams.json`,
    },
    to: call.to,
    to_formatted: call.to,
    trunk_sid: null,
    uri: `${uri}.json`,
  };
}

export function messageJson(accountSid: string, message: SentMessage): Record<string, unknown> {
  return {
    sid: message.sid,
    account_sid: accountSid,
    api_version: '2010-04-01',
    body: message.body,
    date_created: rfc2822(new Date()),
    date_updated: rfc2822(new Date()),
    date_sent: null,
    direction: 'outbound-api',
    error_code: null,
    error_message: null,
    from: message.from,
    messaging_service_sid: null,
    num_media: '0',
    num_segments: String(Math.max(1, Math.ceil(message.body.length / 160))),
    price: null,
    price_unit: 'USD',
    status: 'queued',
    subresource_uris: {},
    to: message.to,
    uri: `/2010-04-01/Accounts/${accountSid}/Messages/${message.sid}.json`,
  };
}

/** An error as Twilio words it. */
export function restError(status: number, code: number, message: string): RestReply {
  const body = { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status };
  return { status, body };
}

/** The error that belongs to a status alone, for scripted faults. */
export function errorForStatus(status: number): RestReply {
  switch (status) {
    case 401:
      return restError(401, 20003, 'Authenticate');
    case 404:
      return restError(404, 20404, 'The requested resource was not found');
    case 429:
      return restError(429, 20429, 'Too Many Requests');
    case 503:
      return restError(503, 20503, 'Service Unavailable');
    default:
      return restError(status, 20500, 'Internal Server Error');
  }
}

export function sendJson(
  response: ServerResponse,
  reply: RestReply,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(reply.body);
  response.writeHead(reply.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'twilio-request-id': 'RQ00000000000000000000000000000000',
    ...headers,
  });
  response.end(text);
}
