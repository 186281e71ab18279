/** Plain numbers, counted per frame and read by whoever publishes metrics. */
export type MediaSocketCounters = {
  upgradesAccepted: number;
  /** Bad or missing signature. */
  upgradesForged: number;
  /** Too many sockets waiting for their token. */
  upgradesOverCap: number;
  streamsAttached: number;
  /** Turned away after the upgrade: token, CallSid, format, time-out, or by the call itself. */
  streamsRefused: number;
  mediaFrames: number;
  /** Media frames that took the fast path. */
  fastFrames: number;
  droppedMalformed: number;
  droppedOversize: number;
  droppedUnknown: number;
  droppedBinary: number;
  /** Another stream's id. */
  droppedForeign: number;
  droppedDuplicate: number;
  /** Came after its place was given to silence, or a number that cannot be true. */
  droppedLate: number;
  /** Right in itself, wrong at this moment: a second `start`, audio before it or after `stop`. */
  droppedUnexpected: number;
  filledSilenceMs: number;
  framesSent: number;
  /** Writes after the end of the stream: harmless, ignored. */
  sendsAfterEnd: number;
};

export function createCounters(): MediaSocketCounters {
  return {
    upgradesAccepted: 0,
    upgradesForged: 0,
    upgradesOverCap: 0,
    streamsAttached: 0,
    streamsRefused: 0,
    mediaFrames: 0,
    fastFrames: 0,
    droppedMalformed: 0,
    droppedOversize: 0,
    droppedUnknown: 0,
    droppedBinary: 0,
    droppedForeign: 0,
    droppedDuplicate: 0,
    droppedLate: 0,
    droppedUnexpected: 0,
    filledSilenceMs: 0,
    framesSent: 0,
    sendsAfterEnd: 0,
  };
}

/** The counters that count frames left out. */
export type DropKind = Extract<keyof MediaSocketCounters, `dropped${string}`>;
