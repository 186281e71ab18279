/**
 * A process of its own: calls through the relay and the far side of it. Fifty frames a second in;
 * half of the time as many back.
 */
import { createServer } from 'node:http';
import { WebSocket, WebSocketServer } from 'ws';
import { monotonicMs } from '../../emulators/clock.ts';
import { FRAME_MS } from '../../emulators/speech/types.ts';
import { mediaMessage } from '../../emulators/twilio/stream-messages.ts';
import { FrameScheduler } from '../../emulators/twilio/scheduler.ts';
import { obey, tell, watchLoopLag } from './helper.ts';

/** The far side answers for so many frames, then is silent for as many: two seconds each. */
const HALF_PERIOD_FRAMES = 100;

const lag = watchLoopLag();
const scheduler = new FrameScheduler();
const transitMs: number[] = [];
let measuring = false;

const sink = createServer();
const farSide = new WebSocketServer({ server: sink, perMessageDeflate: false });
farSide.on('connection', (socket) => {
  let frames = 0;
  socket.on('message', (audio: Buffer) => {
    // A frame begins with the stamp of its leaving.
    if (measuring) transitMs.push(monotonicMs() - audio.readDoubleLE(0));
    frames += 1;
    if (Math.floor(frames / HALF_PERIOD_FRAMES) % 2 === 0) socket.send(audio);
  });
  socket.on('error', () => undefined);
});
await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));

function call(url: string, index: number): void {
  const streamSid = `MZ${String(index).padStart(32, '0')}`;
  const socket = new WebSocket(url, { perMessageDeflate: false });
  socket.on('message', () => undefined);
  socket.on('error', () => undefined);
  socket.on('open', () => {
    let frames = 0;
    const seat = scheduler.add({
      advanceTo: (nowMs) => {
        for (; seat.firstFrameAtMs + frames * FRAME_MS <= nowMs; frames += 1) {
          const audio = Buffer.alloc(160, 0xff);
          audio.writeDoubleLE(monotonicMs(), 0);
          socket.send(mediaMessage(streamSid, frames, frames, frames * FRAME_MS, audio));
        }
      },
    });
    socket.on('close', () => seat.remove());
  });
}

obey({
  call: (order) => {
    if (order.order !== 'call') return;
    for (let index = 0; index < order.calls; index += 1) call(order.answerUrl, index);
    tell({ notice: 'ramped' });
  },
  begin: () => {
    measuring = true;
    transitMs.length = 0;
    lag.reset();
  },
  report: () => {
    tell({ report: 'relay', transitMs, loopLag: lag.all() });
  },
});
const address = sink.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
tell({ notice: 'ready', environment: { UPSTREAM: `ws://127.0.0.1:${port}` } });
