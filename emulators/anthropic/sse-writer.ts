import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import { waitUntil } from '../pace.ts';
import type { ServerEvent } from './events.ts';

/** How often a trickling answer lets bytes go. */
const TRICKLE_STEP_MS = 40;

export type SseWriter = {
  /** Sends the events in one write. Resolves to false once the client is gone. */
  send(events: readonly ServerEvent[]): Promise<boolean>;
  /** Sends bytes as they are. */
  raw(bytes: string | Uint8Array): Promise<boolean>;
};

/** Server-sent events on `response`, doubled or trickled where the fault says so. */
export function createSseWriter(
  response: ServerResponse,
  fault: Fault | undefined,
  gone: AbortSignal,
): SseWriter {
  const bytesPerSecond = fault?.kind === 'trickle' ? fault.bytesPerSecond : undefined;
  /** When the line is free for the next bytes of a trickle. */
  let freeAtMs = 0;

  async function raw(bytes: string | Uint8Array): Promise<boolean> {
    const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    if (bytesPerSecond === undefined) return await write(data);
    const stepBytes = Math.max(1, Math.round((bytesPerSecond * TRICKLE_STEP_MS) / 1000));
    for (let at = 0; at < data.length; at += stepBytes) {
      if (!(await waitUntil(freeAtMs, gone))) return false;
      const slice = data.subarray(at, at + stepBytes);
      freeAtMs = Math.max(freeAtMs, monotonicMs()) + (slice.length / bytesPerSecond) * 1000;
      if (!(await write(slice))) return false;
    }
    return true;
  }

  async function write(data: Uint8Array): Promise<boolean> {
    if (gone.aborted) return false;
    if (!response.write(data)) {
      await once(response, 'drain', { signal: gone }).catch(() => undefined);
    }
    return !gone.aborted;
  }

  return {
    raw,
    send: async (events) => {
      const lines = events
        .map(sseText)
        .map((text) => (fault?.kind === 'duplicate' ? text + text : text));
      return await raw(lines.join(''));
    },
  };
}

function sseText(event: ServerEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
