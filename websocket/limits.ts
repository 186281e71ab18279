/** Every bound of the media socket, with the reason for its default. */
export type MediaSocketLimits = {
  /** From the upgrade to Twilio's `start`, which comes at once in practice. */
  readonly startTimeoutMs: number;
  /** For the token store to answer; the store itself gives up after a fraction of this. */
  readonly claimTimeoutMs: number;
  /** Twilio sends fifty frames a second, silence included: five seconds of none is a dead line. */
  readonly silentPeerMs: number;
  /** A peer that has been quiet for this long is pinged, once per quiet spell and period. */
  readonly pingAfterMs: number;
  /** From our close frame to giving up on the peer's. */
  readonly closeTimeoutMs: number;
  /** From Twilio's `stop` to our own close, should Twilio's not come. */
  readonly stopLingerMs: number;
  /** Longest time for which nothing that we sent reached the kernel. */
  readonly sendTimeoutMs: number;
  /** More than this unsent for longer than `maxBufferedMs` is a dead peer. 256 KiB: 24 s of audio. */
  readonly maxBufferedBytes: number;
  readonly maxBufferedMs: number;
  /** At this much unsent the socket is cut at once, whatever the reason. */
  readonly hardBufferedBytes: number;
  /** A WebSocket message above this is never assembled: close 1009. Twilio's are below 2 KB. */
  readonly maxPayloadBytes: number;
  /** Sockets between upgrade and accepted token, in all and per address (one proxy is one address). */
  readonly maxPendingSockets: number;
  readonly maxPendingPerAddress: number;
  /** Frames held while the token is looked up: five seconds' worth. */
  readonly maxHeldFrames: number;
  readonly maxHeldBytes: number;
  /** Bad frames a live stream may run up; `forgivenPerSecond` of them are forgotten each second. */
  readonly maxBadFrames: number;
  readonly forgivenPerSecond: number;
  /** Bad frames before `start`: there is no call to be lenient for. */
  readonly maxBadFramesBeforeStart: number;
  /** Messages and pings a second; Twilio's fifty, twenty times over, for bursts after a stall. */
  readonly maxMessagesPerSecond: number;
  /** Longest silence put in for one gap. */
  readonly maxGapFillMs: number;
  /** How often the timeouts above are looked at; one timer for all sockets. */
  readonly sweepEveryMs: number;
};

export const defaultLimits: MediaSocketLimits = {
  startTimeoutMs: 5_000,
  claimTimeoutMs: 2_000,
  silentPeerMs: 5_000,
  pingAfterMs: 2_000,
  closeTimeoutMs: 1_000,
  stopLingerMs: 2_000,
  sendTimeoutMs: 5_000,
  maxBufferedBytes: 262_144,
  maxBufferedMs: 3_000,
  hardBufferedBytes: 4_194_304,
  maxPayloadBytes: 65_536,
  maxPendingSockets: 256,
  maxPendingPerAddress: 64,
  maxHeldFrames: 250,
  maxHeldBytes: 262_144,
  maxBadFrames: 100,
  forgivenPerSecond: 2,
  maxBadFramesBeforeStart: 3,
  maxMessagesPerSecond: 1_000,
  maxGapFillMs: 2_000,
  sweepEveryMs: 250,
};
