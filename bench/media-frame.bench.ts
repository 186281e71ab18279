/**
 * The fast path for media frames against the plain parser, on the same frames, from bytes to decoded
 * audio. Rounds alternate between the two, so that whatever else the machine does meets both.
 *
 *   node bench/media-frame.bench.ts          a line to read
 *   node bench/media-frame.bench.ts --json   one JSON object: nanoseconds per frame, and their ratio
 */
import { createMediaFrameReader } from '../websocket/media-frame.ts';
import { parseFrame } from '../websocket/twilio-messages.ts';

const streamSid = 'MZ0123456789abcdef0123456789abcdef';
const rounds = 15;
const framesPerRound = 40_000;
const distinctFrames = 500;

function makeFrames(): Buffer[] {
  return Array.from({ length: distinctFrames }, (_, index) => {
    const audio = Buffer.from(Array.from({ length: 160 }, (_byte, at) => (at * 31 + index) % 256));
    return Buffer.from(
      `{"event":"media","sequenceNumber":"${index + 2}","streamSid":"${streamSid}",` +
        `"media":{"track":"inbound","chunk":"${index + 1}","timestamp":"${index * 20}",` +
        `"payload":"${audio.toString('base64')}"}}`,
    );
  });
}

/** Nanoseconds per frame. The bytes of audio are summed, so that no work can be left out. */
function measure(frames: readonly Buffer[], read: (frame: Buffer) => number): number {
  const beganNs = process.hrtime.bigint();
  let audioBytes = 0;
  for (let n = 0; n < framesPerRound; n += 1) {
    const frame = frames[n % frames.length];
    if (frame !== undefined) audioBytes += read(frame);
  }
  const tookNs = Number(process.hrtime.bigint() - beganNs);
  if (audioBytes !== framesPerRound * 160) throw new Error('a frame was not read');
  return tookNs / framesPerRound;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const frames = makeFrames();
const readFast = createMediaFrameReader(streamSid);
const fast = (frame: Buffer): number => readFast(frame)?.audio.length ?? 0;
const plain = (frame: Buffer): number => {
  const parsed = parseFrame(frame);
  return parsed.ok && parsed.message.event === 'media' ? parsed.message.audio.length : 0;
};

measure(frames, fast);
measure(frames, plain);
const fastNs: number[] = [];
const plainNs: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  fastNs.push(measure(frames, fast));
  plainNs.push(measure(frames, plain));
}

const result = {
  bench: 'media-frame',
  frameBytes: frames[0]?.length ?? 0,
  rounds,
  framesPerRound,
  plainNsPerFrame: Math.round(median(plainNs)),
  fastNsPerFrame: Math.round(median(fastNs)),
  /** How many times faster the fast path is: the median over rounds, each round against itself. */
  ratio: Number(median(plainNs.map((ns, round) => ns / (fastNs[round] ?? ns))).toFixed(2)),
};

console.log(
  process.argv.includes('--json')
    ? JSON.stringify(result)
    : `media frame: ${result.fastNsPerFrame} ns fast, ${result.plainNsPerFrame} ns plain, ${result.ratio} times faster`,
);
