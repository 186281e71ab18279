import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import { FILLER, swollen } from '../oversize.ts';
import { waitForAbort, waitUntil } from '../pace.ts';
import { errorBody, sendError } from './errors.ts';
import {
  messageStart,
  streamSteps,
  wholeMessage,
  type ServerEvent,
  type StreamStep,
} from './events.ts';
import type { Plan } from './plan.ts';
import type { CachePlan } from './prompt-cache.ts';
import { createSseWriter, type SseWriter } from './sse-writer.ts';
import type { AnthropicEvent, MessagesRequest } from './types.ts';

export type Exchange = {
  readonly id: string;
  readonly requestId: string;
  readonly request: MessagesRequest;
  readonly plan: Plan;
  readonly cache: CachePlan;
  readonly fault: Fault | undefined;
  /** When the request had arrived whole. */
  readonly receivedAtMs: number;
  readonly response: ServerResponse;
  readonly log: EmulatorLog<AnthropicEvent>;
  /** Aborts when the client's connection closes. */
  readonly gone: AbortSignal;
};

/** Between the last message and a cut: a token's time at fifty tokens a second. */
const CUT_AFTER_MS = 20;

type Progress = { tokensSent: number };

/** Answers one accepted request, streamed or whole, with its fault. Never rejects. */
export async function answer(exchange: Exchange): Promise<void> {
  const progress: Progress = { tokensSent: 0 };
  const finished = exchange.request.stream
    ? await answerStream(exchange, progress)
    : await answerWhole(exchange, progress);
  if (!finished && exchange.gone.aborted) {
    exchange.log.add({
      what: 'aborted',
      id: exchange.id,
      tokensSent: progress.tokensSent,
      plannedTokens: exchange.plan.tokens,
    });
  }
}

function slowness(fault: Fault | undefined): number {
  return fault?.kind === 'slow' ? fault.factor : 1;
}

/** The moment of token `index`, computed from the request's arrival so that no delay adds up. */
function tokenAtMs(exchange: Exchange, index: number): number {
  const { plan, receivedAtMs, fault } = exchange;
  const intervalMs = 1000 / plan.tokensPerSecond;
  return receivedAtMs + (plan.firstTokenMs + index * intervalMs) * slowness(fault);
}

async function answerStream(exchange: Exchange, progress: Progress): Promise<boolean> {
  const { request, plan, fault, response, gone, id } = exchange;
  if (!(await waitUntil(tokenAtMs(exchange, 0), gone))) return false;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
    'request-id': exchange.requestId,
  });
  exchange.cache.commit();
  const writer = createSseWriter(response, fault, gone);
  const malformed = malformedStream(exchange);
  if (malformed) {
    await writer.raw(malformed);
    response.end();
    return !gone.aborted;
  }
  const usage = exchange.cache.usage;
  const steps =
    fault?.kind === 'empty'
      ? streamSteps({ ...plan, blocks: [], tokens: 0, stopReason: 'end_turn' }, request, usage, id)
      : streamSteps(plan, request, usage, id);
  const sent = await sendSteps(exchange, steps, writer, progress);
  if (!sent) return false;
  response.end();
  exchange.log.add({
    what: 'complete',
    id,
    tokensSent: progress.tokensSent,
    stopReason: plan.stopReason,
  });
  return true;
}

/** Sends the steps at their times; false when a fault or the client ended the stream early. */
async function sendSteps(
  exchange: Exchange,
  steps: readonly StreamStep[],
  writer: SseWriter,
  progress: Progress,
): Promise<boolean> {
  const { log, id, gone, fault } = exchange;
  for (const [position, step] of steps.entries()) {
    if (interrupts(fault, progress.tokensSent)) {
      // What precedes the first token still leaves: the break is in the content.
      if (position === 0)
        await writer.send([messageStart(exchange.request, exchange.cache.usage, id)]);
      await breakOff(exchange, writer);
      return false;
    }
    const { token } = step;
    const isEnd = token === undefined;
    const dueMs = tokenAtMs(
      exchange,
      isEnd ? Math.max(0, progress.tokensSent - 1) : progress.tokensSent,
    );
    if (!(await waitUntil(dueMs, gone))) return false;
    const atMs = monotonicMs();
    if (!(await writer.send(step.events))) return false;
    if (!token) continue;
    if (progress.tokensSent === 0) {
      const scriptedMs = exchange.plan.firstTokenMs * slowness(fault);
      log.add({ what: 'first-token', id, waitMs: atMs - exchange.receivedAtMs, scriptedMs }, atMs);
    }
    log.add({ what: 'token', id, index: progress.tokensSent, ...token }, atMs);
    progress.tokensSent += 1;
  }
  return true;
}

function interrupts(fault: Fault | undefined, sent: number): boolean {
  switch (fault?.kind) {
    case 'cut':
    case 'stall':
    case 'stream-error':
      return sent >= fault.afterMessages;
    default:
      return false;
  }
}

async function breakOff(exchange: Exchange, writer: SseWriter): Promise<void> {
  const { fault, response, gone, requestId } = exchange;
  if (fault?.kind === 'cut') {
    // A reader that sees the end of the connection drops what it has not handed on yet; the
    // messages before the cut are meant to be seen.
    await waitUntil(monotonicMs() + CUT_AFTER_MS, gone);
    response.destroy();
  } else if (fault?.kind === 'stream-error') {
    const body = errorBody('overloaded_error', 'Overloaded', requestId);
    await writer.send([body as ServerEvent]);
    response.end();
  } else {
    await waitForAbort(gone);
  }
}

/** Streams whose bytes are wrong from the start; undefined for every other fault. */
function malformedStream(exchange: Exchange): string | Uint8Array | undefined {
  const { fault, request, cache, id } = exchange;
  const frame = (event: string, data: unknown): string =>
    `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  switch (fault?.kind) {
    case 'garbage':
      return Buffer.from(
        `event: message_start\ndata: {"type":"mess\u0000\u0001}}]\n\n\xff\xfe<html>502</html>\n\n`,
        'latin1',
      );
    case 'wrong-shape':
      return [
        frame('message_start', { type: 'message_start', message: 'hello' }),
        frame('content_block_delta', { type: 'content_block_delta', index: 'first', delta: 7 }),
        frame('message_stop', { object: 'chat.completion.chunk', choices: [] }),
      ].join('');
    case 'wrong-order':
      return [
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } },
        { type: 'message_stop' },
        messageStart(request, cache.usage, id),
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      ]
        .map((event) => frame(event.type, event))
        .join('');
    case 'oversize':
      return swollen(
        [
          messageStart(request, cache.usage, id),
          { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
          { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: FILLER } },
          { type: 'content_block_stop', index: 0 },
          {
            type: 'message_delta',
            delta: { stop_reason: 'end_turn', stop_sequence: null },
            usage: { output_tokens: 1 },
          },
          { type: 'message_stop' },
        ]
          .map((event) => frame(event.type, event))
          .join(''),
        fault.bytes,
      );
    default:
      return undefined;
  }
}

async function answerWhole(exchange: Exchange, progress: Progress): Promise<boolean> {
  const { plan, request, cache, fault, response, gone, id, requestId, log } = exchange;
  if (!(await waitUntil(tokenAtMs(exchange, Math.max(0, plan.tokens - 1)), gone))) return false;
  cache.commit();
  if (fault?.kind === 'stream-error') {
    sendError(response, 529, 'Overloaded', requestId);
    return true;
  }
  const blocks = fault?.kind === 'empty' ? [] : plan.blocks;
  const proper = JSON.stringify(wholeMessage({ ...plan, blocks }, request, cache.usage, id));
  const text = wholeBody(fault, proper);
  response.writeHead(200, { 'content-type': 'application/json', 'request-id': requestId });
  const writer = createSseWriter(response, fault, gone);
  if (fault?.kind === 'cut' || fault?.kind === 'stall') {
    await writer.raw(text.slice(0, text.length / 2));
    if (fault.kind === 'cut') response.destroy();
    else await waitForAbort(gone);
    return false;
  }
  if (!(await writer.raw(text))) return false;
  response.end();
  progress.tokensSent = plan.tokens;
  log.add({ what: 'complete', id, tokensSent: plan.tokens, stopReason: plan.stopReason });
  return true;
}

function wholeBody(fault: Fault | undefined, proper: string): string {
  switch (fault?.kind) {
    case 'garbage':
      return '<html><body>502 Bad Gateway</body></html>';
    case 'wrong-shape':
    case 'wrong-order':
      return '{"object":"chat.completion","choices":[]}';
    case 'duplicate':
      return proper + proper;
    case 'oversize':
      return JSON.stringify({
        ...JSON.parse(proper),
        content: [{ type: 'text', text: 'a'.repeat(fault.bytes) }],
      });
    default:
      return proper;
  }
}
