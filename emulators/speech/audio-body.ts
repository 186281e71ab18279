import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import { waitForAbort, waitUntil } from '../pace.ts';

/** Between the last audio and a cut. */
const CUT_AFTER_MS = 20;

/** Whether the answer ends here. A byte stream has no error message: 'stream-error' looks cut. */
export function breaksOff(fault: Fault | undefined, piecesSent: number): boolean {
  return (
    (fault?.kind === 'cut' || fault?.kind === 'stall' || fault?.kind === 'stream-error') &&
    piecesSent >= fault.afterMessages
  );
}

/** Ends an answer whose headers are set in the way of its fault. */
export async function breakOff(
  response: ServerResponse,
  fault: Fault | undefined,
  gone: AbortSignal,
): Promise<void> {
  response.flushHeaders();
  if (fault?.kind === 'stall') await waitForAbort(gone);
  // A reader that sees the end of the connection drops what it has not handed on yet.
  else await waitUntil(monotonicMs() + CUT_AFTER_MS, gone);
  response.destroy();
}

/** A piece of audio as the fault leaves it. */
export function damaged(fault: Fault | undefined, bytes: Uint8Array): Uint8Array {
  switch (fault?.kind) {
    case 'garbage':
    case 'wrong-shape':
      return Buffer.from('<html><body>502 Bad Gateway</body></html>');
    case 'wrong-order':
      return bytes.toReversed();
    case 'duplicate':
      return Buffer.concat([bytes, bytes]);
    case 'empty':
      return new Uint8Array();
    case 'oversize':
      return new Uint8Array(fault.bytes).fill(0xff);
    default:
      return bytes;
  }
}

/** Writes a piece of audio, trickled where the fault says so; false once the client is gone. */
export async function writeAudio(
  response: ServerResponse,
  bytes: Uint8Array,
  fault: Fault | undefined,
  gone: AbortSignal,
): Promise<boolean> {
  const rate = fault?.kind === 'trickle' ? fault.bytesPerSecond : undefined;
  const stepBytes = rate === undefined ? bytes.length : Math.max(1, Math.round(rate / 25));
  const startMs = monotonicMs();
  for (let at = 0; at < bytes.length; at += stepBytes) {
    const dueMs = rate === undefined ? startMs : startMs + ((at + stepBytes) / rate) * 1000;
    if (!(await waitUntil(dueMs, gone))) return false;
    if (!response.write(bytes.subarray(at, at + stepBytes))) {
      await once(response, 'drain', { signal: gone }).catch(() => undefined);
    }
  }
  return !gone.aborted;
}
