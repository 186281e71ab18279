/**
 * Tools the model asked for. Each call is settled exactly once: by its result, by its time limit,
 * or by a synthetic "cancelled" when the caller interrupts, so that the history stays valid.
 */

import { writeToolCall, writeToolResult } from './history.ts';
import { emit, update, type ToolCall, type Work } from './state.ts';
import type { TurnId } from './types.ts';

export const MAX_TOOLS_AT_ONCE = 4;

export function runTool(work: Work, turnId: TurnId, call: ToolCall): void {
  const { tools, settings, history } = work.state;
  const known = history.some((entry) => entry.role === 'tool' && entry.callId === call.callId);
  if (known || tools.length >= MAX_TOOLS_AT_ONCE) return;
  writeToolCall(work, call.callId, call.name, call.input);
  const until = work.now + settings.toolTimeoutMs;
  update(work, { tools: [...tools, { callId: call.callId, turnId, until }] });
  emit(work, { kind: 'run-tool', ...call, timeoutMs: settings.toolTimeoutMs });
}

/** Settles a running tool; returns its turn, or undefined when it was settled before. */
export function settleTool(
  work: Work,
  callId: string,
  result: string,
  isError: boolean,
): TurnId | undefined {
  const running = work.state.tools.find((tool) => tool.callId === callId);
  if (!running) return undefined;
  update(work, { tools: work.state.tools.filter((tool) => tool.callId !== callId) });
  writeToolResult(work, callId, result, isError);
  return running.turnId;
}

/** Cancels what runs; the history gets a result that says so. */
export function cancelTools(work: Work): void {
  for (const tool of work.state.tools) {
    emit(work, { kind: 'cancel-tool', callId: tool.callId });
    settleTool(work, tool.callId, 'cancelled: the caller went on speaking', true);
  }
}

/** Settles what has run out of time; returns the turns that wait for an answer now. */
export function expireTools(work: Work): TurnId[] {
  return work.state.tools
    .filter((tool) => work.now >= tool.until)
    .flatMap((tool) => {
      emit(work, { kind: 'cancel-tool', callId: tool.callId });
      return settleTool(work, tool.callId, 'no answer in time', true) ?? [];
    });
}
