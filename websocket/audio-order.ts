/**
 * Puts a track's media frames in order: what is late or doubled is left out, what is missing is
 * replaced by silence of the same length, so that positions in the audio stay positions in time.
 * Pure bookkeeping; no clock.
 *
 * Twilio numbers the frames of a track (`chunk`) and stamps them (`timestampMs`). The chunk decides
 * what comes next. The stamp decides how much is missing, because frames are not promised to be
 * 20 ms; where stamps stand still, the count of missing chunks decides.
 */

/** μ-law 8 kHz: eight bytes are a millisecond. */
const bytesPerMs = 8;
/** Stamps may wander by this much between consecutive chunks before it counts as a gap. */
const jitterMs = 60;
/** A jump of more than a minute of frames is damage, not a gap: we would go deaf by believing it. */
const maxChunkJump = 3_000;
const maxStampJumpMs = 60_000;
/** Silence that a millisecond of real audio gives the right to: two thirds of it all may be lost. */
const fillPerAudioMs = 2;
/** How many missing chunk numbers are remembered, to tell a late frame from a doubled one. */
const maxRemembered = 256;

export type Placement =
  /** Deliver `silenceMs` of silence, then the frame. */
  | { readonly kind: 'next'; readonly silenceMs: number }
  /** This chunk was delivered already. */
  | { readonly kind: 'duplicate' }
  /** Its place was given to silence. */
  | { readonly kind: 'late' }
  /** A chunk number that cannot be true. */
  | { readonly kind: 'implausible' };

export type AudioOrder = {
  place(chunk: number, timestampMs: number, audioBytes: number): Placement;
};

/**
 * `maxFillMs`: the longest silence put in for one gap; a longer one is shortened to it. So is one that
 * has not been earned: tiny frames with far-away stamps cost their sender next to nothing, and would
 * have the recogniser listen to hours.
 */
export function createAudioOrder(maxFillMs: number): AudioOrder {
  let nextChunk: number | undefined;
  /** Where the next frame begins if nothing is missing. */
  let clockMs = 0;
  let lastStampMs = 0;
  let lastFrameMs = 20;
  let earnedMs = maxFillMs;
  const missing = new Set<number>();

  const remember = (from: number, to: number): void => {
    for (let chunk = Math.max(from, to - maxRemembered); chunk < to; chunk += 1) missing.add(chunk);
    for (const chunk of missing) {
      if (missing.size <= maxRemembered) break;
      missing.delete(chunk);
    }
  };

  const gapMs = (skipped: number, stampMs: number): number => {
    const stampsMove = stampMs > lastStampMs && stampMs - lastStampMs <= maxStampJumpMs;
    if (!stampsMove) return skipped * lastFrameMs;
    const behindMs = stampMs - clockMs;
    if (skipped > 0) return Math.max(0, behindMs);
    return behindMs >= jitterMs ? behindMs : 0;
  };

  return {
    place: (chunk, timestampMs, audioBytes) => {
      const frameMs = audioBytes / bytesPerMs;
      earnedMs = Math.min(maxFillMs, earnedMs + frameMs * fillPerAudioMs);
      if (nextChunk === undefined) {
        // The first frame sets the origin: streams are not promised to begin at chunk 1 or at 0 ms.
        nextChunk = chunk + 1;
        clockMs = timestampMs + frameMs;
        lastStampMs = timestampMs;
        lastFrameMs = frameMs;
        return { kind: 'next', silenceMs: 0 };
      }
      if (chunk < nextChunk) return { kind: missing.delete(chunk) ? 'late' : 'duplicate' };
      const skipped = chunk - nextChunk;
      if (skipped > maxChunkJump) return { kind: 'implausible' };
      const silenceMs = gapMs(skipped, timestampMs);
      if (skipped > 0) remember(nextChunk, chunk);
      nextChunk = chunk + 1;
      const driftedBack = timestampMs - clockMs <= -jitterMs;
      // A gap and a stamp that fell far behind both mean: believe the stamp from here on.
      clockMs = (silenceMs > 0 || driftedBack ? timestampMs : clockMs) + frameMs;
      lastStampMs = timestampMs;
      lastFrameMs = frameMs;
      const filledMs = Math.min(silenceMs, maxFillMs, earnedMs);
      earnedMs -= filledMs;
      return { kind: 'next', silenceMs: filledMs };
    },
  };
}

/** One 20 ms piece of μ-law silence; shared, so nobody may write to it. */
const silentPiece = new Uint8Array(160).fill(0xff);

/** Hands `ms` of silence on in pieces of at most 20 ms. */
export function deliverSilence(ms: number, deliver: (mulaw: Uint8Array) => void): void {
  let leftBytes = Math.round(ms * bytesPerMs);
  while (leftBytes > 0) {
    const pieceBytes = Math.min(leftBytes, silentPiece.length);
    deliver(pieceBytes === silentPiece.length ? silentPiece : silentPiece.subarray(0, pieceBytes));
    leftBytes -= pieceBytes;
  }
}
