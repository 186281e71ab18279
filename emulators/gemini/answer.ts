import type { ServerResponse } from 'node:http';
import { createSseWriter, type SseWriter } from '../anthropic/sse-writer.ts';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import { FILLER, swollen } from '../oversize.ts';
import { waitForAbort, waitUntil } from '../pace.ts';
import {
  blockedChunk,
  chunkSteps,
  frame,
  type Answer,
  type Chunk,
  type ChunkStep,
} from './chunks.ts';
import { errorBody, errorMessage } from './errors.ts';
import type { GeminiEvent } from './types.ts';

export type Exchange = Answer & {
  readonly blockReason: string | undefined;
  readonly fault: Fault | undefined;
  /** When the request had arrived whole. */
  readonly receivedAtMs: number;
  readonly response: ServerResponse;
  readonly log: EmulatorLog<GeminiEvent>;
  /** Aborts when the client's connection closes. */
  readonly gone: AbortSignal;
};

/** Between the last message and a cut: a token's time at fifty tokens a second. */
const CUT_AFTER_MS = 20;

type Progress = { chunksSent: number; tokensSent: number };

/** Streams the answer to one accepted request, with its fault. Never rejects. */
export async function answer(exchange: Exchange): Promise<void> {
  const progress: Progress = { chunksSent: 0, tokensSent: 0 };
  const finished = await stream(exchange, progress);
  if (!finished && exchange.gone.aborted) {
    const { id, plan } = exchange;
    const { tokensSent } = progress;
    exchange.log.add({ what: 'aborted', id, tokensSent, plannedTokens: plan.tokens });
  }
}

/** The moment of token `index`, computed from the request's arrival so that no delay adds up. */
function tokenAtMs(exchange: Exchange, index: number): number {
  const { plan, receivedAtMs, fault } = exchange;
  const intervalMs = 1000 / plan.tokensPerSecond;
  const slowness = fault?.kind === 'slow' ? fault.factor : 1;
  return receivedAtMs + (plan.firstTokenMs + index * intervalMs) * slowness;
}

async function stream(exchange: Exchange, progress: Progress): Promise<boolean> {
  const { fault, response, gone, blockReason } = exchange;
  const steps = stepsOf(exchange);
  const firstToken = steps[0]?.afterToken ?? 0;
  if (!(await waitUntil(tokenAtMs(exchange, firstToken), gone))) return false;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const writer = createSseWriter(response, fault, gone);
  const malformed = malformedStream(exchange);
  if (malformed !== undefined) {
    await writer.raw(malformed);
    response.end();
    return !gone.aborted;
  }
  const sent =
    blockReason === undefined
      ? await sendSteps(exchange, steps, writer, progress)
      : await writer.raw(sseText(blockedChunk(exchange, blockReason)));
  if (!sent) return false;
  response.end();
  const { id } = exchange;
  const stopReason = blockReason ?? exchange.finishReason;
  exchange.log.add({ what: 'complete', id, tokensSent: progress.tokensSent, stopReason });
  return true;
}

function stepsOf(exchange: Exchange): ChunkStep[] {
  if (exchange.fault?.kind !== 'empty') return chunkSteps(exchange);
  const plan = { ...exchange.plan, blocks: [], tokens: 0, thinkingTokens: 0 };
  return chunkSteps({ ...exchange, plan, finishReason: 'STOP' });
}

/** Sends the chunks at their times; false when a fault or the client ended the stream early. */
async function sendSteps(
  exchange: Exchange,
  steps: readonly ChunkStep[],
  writer: SseWriter,
  progress: Progress,
): Promise<boolean> {
  const { log, id, gone, fault } = exchange;
  for (const step of steps) {
    if (interrupts(fault, progress.chunksSent)) {
      await breakOff(exchange, writer);
      return false;
    }
    if (!(await waitUntil(tokenAtMs(exchange, step.afterToken), gone))) return false;
    const atMs = monotonicMs();
    const text = sseText(step.chunk);
    if (!(await writer.raw(fault?.kind === 'duplicate' ? text + text : text))) return false;
    if (step.token === undefined) continue;
    if (progress.chunksSent === 0) {
      const scriptedMs = tokenAtMs(exchange, step.afterToken) - exchange.receivedAtMs;
      log.add({ what: 'first-token', id, waitMs: atMs - exchange.receivedAtMs, scriptedMs }, atMs);
    }
    log.add({ what: 'token', id, index: progress.chunksSent, ...step.token }, atMs);
    progress.chunksSent += 1;
    progress.tokensSent = step.afterToken + 1;
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
  const { fault, response, gone } = exchange;
  if (fault?.kind === 'cut') {
    response.flushHeaders();
    // A reader that sees the end of the connection drops what it has not handed on yet; the
    // messages before the cut are meant to be seen.
    await waitUntil(monotonicMs() + CUT_AFTER_MS, gone);
    response.destroy();
  } else if (fault?.kind === 'stream-error') {
    await writer.raw(sseText(errorBody(503, errorMessage(503)) as Chunk));
    response.end();
  } else {
    response.flushHeaders();
    await waitForAbort(gone);
  }
}

/** Streams whose bytes are wrong from the start; undefined for every other fault. */
function malformedStream(exchange: Exchange): string | Uint8Array | undefined {
  const { fault } = exchange;
  switch (fault?.kind) {
    case 'garbage':
      return Buffer.from(
        'data: {"candidates":[{"con\u0000\u0001}}]\r\n\r\n\xff\xfe<html>502</html>\r\n\r\n',
        'latin1',
      );
    case 'wrong-shape':
      return [
        { candidates: 'hello' },
        { candidates: [{ content: { parts: { text: 7 } }, finishReason: 1 }] },
        { object: 'chat.completion.chunk', choices: [] },
      ]
        .map(sseText)
        .join('');
    case 'wrong-order': {
      const end = frame(exchange, [], 0, 'STOP');
      return [
        end,
        frame(exchange, [{ text: 'Hello' }], 0),
        frame(exchange, [{ text: ' there' }], 1),
      ]
        .map(sseText)
        .join('');
    }
    case 'oversize': {
      const huge = frame(exchange, [{ text: FILLER }], 0);
      const events = [huge, frame(exchange, [{ text: '' }], 0, 'STOP')].map(sseText);
      return swollen(events.join(''), fault.bytes);
    }
    default:
      return undefined;
  }
}

/** The vendor separates its events with carriage returns. */
function sseText(data: Chunk): string {
  return `data: ${JSON.stringify(data)}\r\n\r\n`;
}
