/** The server's events as it tells them to watchers: `GET /dev/events`, one JSON per `data:`. */
import type { TimedCallEvent } from '../src/events.ts';

/** A line longer than this is no event of ours. */
const MAX_LINE_CHARS = 256 * 1024;
const MAX_EVENTS = 100_000;

export type EventStream = {
  /** All events so far, in order. */
  readonly events: readonly TimedCallEvent[];
  /** Ends the subscription; resolves when nothing more will be added. */
  close(): Promise<void>;
};

/** Subscribes. Rejects when the server refuses; afterwards a lost stream just ends. */
export async function openEventStream(serverUrl: string): Promise<EventStream> {
  const abort = new AbortController();
  const response = await fetch(`${serverUrl}/dev/events`, {
    signal: abort.signal,
    headers: { accept: 'text/event-stream' },
  });
  if (!response.ok || !response.body) {
    throw new Error(`/dev/events answered ${response.status}`);
  }
  const events: TimedCallEvent[] = [];
  const body = response.body;
  const reading = readLines(body, (line) => {
    if (events.length >= MAX_EVENTS) return;
    const event = parseEventLine(line);
    if (event) events.push(event);
  }).catch((error: unknown) => {
    if (!abort.signal.aborted && !(error instanceof TypeError)) throw error;
  });
  return {
    events,
    close: async () => {
      abort.abort();
      await reading;
    },
  };
}

/** The event in one line of the stream; undefined for comments, blank lines and foreign data. */
export function parseEventLine(line: string): TimedCallEvent | undefined {
  if (!line.startsWith('data:')) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice(5));
    if (typeof value !== 'object' || value === null) return undefined;
    const has = 'what' in value && 'atMs' in value && 'callSid' in value;
    return has ? (value as TimedCallEvent) : undefined;
  } catch {
    return undefined;
  }
}

async function readLines(
  body: ReadableStream<Uint8Array>,
  take: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line.trimEnd());
    if (rest.length > MAX_LINE_CHARS) throw new Error('an endless line in /dev/events');
  }
}
