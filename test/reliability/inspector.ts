/**
 * What a process holds, by its own debugger: garbage is collected first, so that what is left is
 * held by something. The debugger has a thread and sockets of its own, which are not counted.
 */
import { WebSocket } from 'ws';

export type Level = {
  readonly heapMb: number;
  readonly sockets: number;
  readonly timers: number;
  /** Everything else that is open, by its kind. */
  readonly others: Readonly<Record<string, number>>;
};

const ANSWER_TIMEOUT_MS = 10_000;
const SOCKETS = new Set(['TCPSocketWrap', 'TLSWrap', 'PipeWrap', 'TCPServerWrap']);

export async function levelOf(inspectorUrl: string): Promise<Level> {
  const socket = new WebSocket(inspectorUrl, { perMessageDeflate: false });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    await ask(socket, 1, 'HeapProfiler.collectGarbage', {});
    await ask(socket, 2, 'HeapProfiler.collectGarbage', {});
    const expression =
      'JSON.stringify([process.memoryUsage().heapUsed, process.getActiveResourcesInfo()])';
    const answer = await ask(socket, 3, 'Runtime.evaluate', { expression, returnByValue: true });
    const { result } = answer as { result: { value: string } };
    const [heapUsed, resources] = JSON.parse(result.value) as [number, string[]];
    const count = (wanted: (name: string) => boolean): number => resources.filter(wanted).length;
    const others: Record<string, number> = {};
    for (const name of resources) {
      if (!SOCKETS.has(name) && name !== 'Timeout') others[name] = (others[name] ?? 0) + 1;
    }
    return {
      heapMb: Math.round((heapUsed / 1_048_576) * 10) / 10,
      sockets: count((name) => SOCKETS.has(name)),
      timers: count((name) => name === 'Timeout'),
      others,
    };
  } finally {
    socket.close();
  }
}

type Answer = {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { message: string };
};

async function ask(socket: WebSocket, id: number, method: string, params: object) {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), ANSWER_TIMEOUT_MS);
  const listen = (data: Buffer): void => {
    const answer = JSON.parse(data.toString('utf8')) as Answer;
    if (answer.id !== id) return;
    if (answer.error) reject(new Error(answer.error.message));
    else resolve(answer.result);
  };
  socket.on('message', listen);
  socket.once('close', () => reject(new Error('the debugger is gone')));
  socket.send(JSON.stringify({ id, method, params }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.off('message', listen);
  }
}
