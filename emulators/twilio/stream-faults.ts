import type { Fault } from '../faults.ts';

/** What a media socket does besides (or instead of) sending its next frame. */
export type FrameDisturbance = {
  /** Foreign frames to send first. */
  readonly before: readonly (string | Uint8Array)[];
  readonly fate?: 'duplicate' | 'hold' | 'drop';
  readonly emptyPayload?: boolean;
  readonly end?: 'reset' | 'stream-error';
};

const NONE: FrameDisturbance = { before: [] };
/** Foreign frames come with every tenth frame: five a second. */
const EVERY = 10;

/**
 * How each fault of faults.ts shows on a media socket, frame by frame (the first frame of the fault
 * is 1). `refuse` and `status` fail the connection itself, and `stop-reading` pauses it from the
 * start: see media-stream.ts. `hang` leaves it without `start`, or without anything more; `slow`
 * has every message leave late and `trickle` a byte at a time: see stream-outlet.ts.
 */
export function disturbanceAt(fault: Fault | undefined, frame: number): FrameDisturbance {
  switch (fault?.kind) {
    case 'garbage':
      return frame % EVERY === 0
        ? { before: ['{"event":"media","media":{', new Uint8Array([0, 255, 13, 10, 0])] }
        : NONE;
    case 'wrong-shape':
      return frame % EVERY === 0
        ? { before: ['{"event":"media","media":7}', '{"event":"weather"}', '[]', 'null'] }
        : NONE;
    case 'wrong-order':
      return frame % EVERY === 0 ? { before: [], fate: 'hold' } : NONE;
    case 'duplicate':
      return { before: [], fate: 'duplicate' };
    case 'empty':
      return { before: [], emptyPayload: true };
    case 'oversize':
      return frame === EVERY ? { before: ['x'.repeat(fault.bytes)] } : NONE;
    case 'cut':
      return frame > fault.afterMessages ? { before: [], end: 'reset' } : NONE;
    case 'stream-error':
      return frame > fault.afterMessages ? { before: [], end: 'stream-error' } : NONE;
    case 'stall':
      return frame > fault.afterMessages ? { before: [], fate: 'drop' } : NONE;
    case 'status':
    case 'refuse':
    case 'hang':
    case 'slow':
    case 'trickle':
    case 'stop-reading':
    case undefined:
      break;
  }
  return NONE;
}
