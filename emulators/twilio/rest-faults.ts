import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from '../faults.ts';
import { FILLER, swollen } from '../oversize.ts';
import { errorForStatus, sendJson, type RestReply } from './rest-json.ts';

const TRICKLE_STEP_MS = 50;

/**
 * What a fault does before the request is obeyed. `answered`: the fault is the answer, and the
 * request has no effect.
 */
export function faultBeforeRequest(
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): 'answered' | 'go-on' {
  switch (fault?.kind) {
    case 'status': {
      const headers: Record<string, string> =
        fault.retryAfterSeconds === undefined
          ? {}
          : { 'retry-after': String(fault.retryAfterSeconds) };
      sendJson(response, errorForStatus(fault.status), headers);
      return 'answered';
    }
    case 'refuse':
      request.socket.resetAndDestroy();
      return 'answered';
    case 'hang':
      return 'answered';
    case 'stop-reading':
      request.socket.pause();
      return 'answered';
    case 'cut':
    case 'duplicate':
    case 'empty':
    case 'garbage':
    case 'oversize':
    case 'slow':
    case 'stall':
    case 'stream-error':
    case 'trickle':
    case 'wrong-order':
    case 'wrong-shape':
    case undefined:
      return 'go-on';
  }
}

/**
 * Sends the answer of a request that was obeyed, spoilt as the fault says. `wrong-order` and
 * `stream-error` have no meaning for one HTTP answer and leave it whole. `duplicate` sends the same
 * answer twice; the request is obeyed once, since nobody who asks once can prevent a carrier from
 * dialling twice.
 */
export async function sendReply(
  fault: Fault | undefined,
  response: ServerResponse,
  reply: RestReply,
): Promise<void> {
  const text = JSON.stringify(reply.body);
  switch (fault?.kind) {
    case 'trickle':
      return await trickle(response, reply.status, text, fault.bytesPerSecond);
    case 'garbage':
      response.writeHead(reply.status, { 'content-type': 'application/json' });
      response.end('<<<\u0000 not JSON');
      return;
    case 'wrong-shape':
      return sendJson(response, { status: reply.status, body: { weather: ['fine', 7] } });
    case 'empty':
      response.writeHead(reply.status, { 'content-type': 'application/json' });
      response.end();
      return;
    case 'oversize':
      response.writeHead(reply.status, { 'content-type': 'application/json' });
      response.end(swollen(JSON.stringify({ pad: FILLER }), fault.bytes));
      return;
    case 'cut':
    case 'stall':
      response.writeHead(reply.status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
      });
      response.write(text.slice(0, text.length / 2));
      if (fault.kind === 'cut') {
        await sleep(TRICKLE_STEP_MS);
        response.socket?.resetAndDestroy();
      }
      return;
    case 'duplicate':
      return sendTwice(response, reply.status, text);
    case 'hang':
    case 'refuse':
    case 'slow':
    case 'status':
    case 'stop-reading':
    case 'stream-error':
    case 'wrong-order':
    case undefined:
      return sendJson(response, reply);
  }
}

/** Two whole answers to one request, which HTTP knows nothing of; then the connection ends. */
function sendTwice(response: ServerResponse, status: number, text: string): void {
  const answer =
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  response.socket?.end(answer + answer);
}

async function trickle(
  response: ServerResponse,
  status: number,
  text: string,
  bytesPerSecond: number,
): Promise<void> {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  const bytes = Buffer.from(text);
  const step = Math.max(1, Math.floor((bytesPerSecond * TRICKLE_STEP_MS) / 1000));
  for (let at = 0; at < bytes.length && !response.destroyed; at += step) {
    response.write(bytes.subarray(at, at + step));
    await sleep(TRICKLE_STEP_MS, undefined, { ref: false });
  }
  response.end();
}
