/**
 * The contract between a media socket and a call.
 *
 * The socket hands a call three things: who is on the line (`StreamStart`, with the claim its token
 * stood for), what to write to (`MediaStream`), and it takes one thing back (`MediaSink`), through
 * which it delivers audio, marks, digits and the end. Neither side imports the other.
 */

/** What Twilio's `start` message said, checked. The token is not in `parameters`. */
export type StreamStart = {
  readonly callSid: string;
  readonly accountSid: string;
  readonly streamSid: string;
  /** The `<Parameter>` elements of the TwiML, without `token`. */
  readonly parameters: Readonly<Record<string, string>>;
};

/** What a stream token stood for: the call it was issued for, and the issuer's own small facts. */
export type StreamClaim = {
  readonly callSid: string;
  readonly data: Readonly<Record<string, string>>;
};

/**
 * Looks a token up and destroys it in one step. Undefined: unknown, expired or used before.
 * A rejection means that the store could not say; the stream is then turned away with 1013.
 */
export type ConsumeToken = (token: string) => Promise<StreamClaim | undefined>;

/** What a call gets to write to. Nothing here throws; after the end of the stream all are no-ops. */
export type MediaStream = {
  readonly streamSid: string;
  readonly callSid: string;
  /** Queues μ-law 8 kHz audio, already base64, for playing. Any length; an empty string is ignored. */
  sendMedia(base64: string): void;
  /** Asks for `name` back once everything queued before it was played, or was cleared. */
  sendMark(name: string): void;
  /** Empties Twilio's play-out buffer. Outstanding marks come back at once. */
  clear(): void;
  /** Closes the socket; default 1000. `onClosed('ours')` follows. Idempotent. */
  close(code?: number): void;
  /** Bytes accepted here that have not reached the kernel yet. */
  readonly bufferedBytes: number;
};

/** Why a stream ended. */
export type CloseReason =
  /** Twilio sent `stop`, then closed. Not proof of a hang-up. */
  | 'stopped'
  /** The peer closed the socket properly without a `stop`. */
  | 'peer-closed'
  /** The connection broke: reset, or gone without a close frame. */
  | 'lost'
  /** No frame came for `silentPeerMs` and no answer to pings either. */
  | 'half-open'
  /** No frame came for `silentPeerMs`, yet pings were answered. */
  | 'stalled'
  /** The peer does not take what we send. */
  | 'slow-peer'
  /** Too many bad frames, too many messages, or one beyond the hard size cap. */
  | 'abuse'
  /** The call closed it. */
  | 'ours'
  /** The call's own sink threw. */
  | 'failed'
  /** The whole media socket was shut down. */
  | 'shutdown';

/**
 * What the socket reaches a call through. Called one at a time, never after `onClosed`, never from
 * inside `AttachCall`, and never from inside a call of `MediaStream`.
 */
export type MediaSink = {
  /**
   * Caller audio, μ-law 8 kHz, always in order: duplicates and late frames are gone, gaps are filled
   * with 0xff. Usually 160 bytes (20 ms), never empty. The sink may keep the bytes but must not
   * write to them.
   */
  onAudio(mulaw: Uint8Array): void;
  /** A mark of ours came back: everything before it was played, or cleared. */
  onMark(name: string): void;
  /** One key: 0–9, *, #, A–D. */
  onDigit(digit: string): void;
  /** Twilio said `stop`; at most once, and `onClosed` follows. No audio comes after it. */
  onStop(): void;
  /** The end, exactly once, always last. */
  onClosed(why: CloseReason): void;
};

/** A stream that is turned away. 1008: not allowed; 1011: our fault; 1013: not now. */
export type Refusal = { readonly refuse: 1008 | 1011 | 1013; readonly reason: string };

/**
 * Decides on a stream whose token was already consumed and belongs to its CallSid. Called once per
 * stream, synchronously; a call that has to look things up first returns its sink at once and
 * buffers. `stream` may be written to straight away.
 */
export type AttachCall = (
  start: StreamStart,
  claim: StreamClaim,
  stream: MediaStream,
) => MediaSink | Refusal;

/** What the socket tells whoever logs. No tokens, numbers or words of the caller are in it. */
export type MediaSocketNotice =
  | { readonly kind: 'upgrade-refused'; readonly status: number; readonly why: string }
  | {
      readonly kind: 'stream-refused';
      readonly callSid: string | undefined;
      readonly code: number;
      readonly why: string;
    }
  | { readonly kind: 'stream-ended'; readonly callSid: string; readonly why: CloseReason }
  | { readonly kind: 'failed'; readonly callSid: string | undefined; readonly error: unknown };
