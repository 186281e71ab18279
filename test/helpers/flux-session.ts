/** Flux over the vendor's SDK, with all that came in. */
import { DeepgramClient } from '@deepgram/sdk';
import { eventually } from './eventually.ts';

type Flux = Awaited<ReturnType<DeepgramClient['listen']['v2']['connect']>>;
/** Over the usual ones of `connectFlux`. */
export type FluxOptions = Partial<Parameters<DeepgramClient['listen']['v2']['connect']>[0]>;
export type Message = {
  type: string;
  event?: string;
  transcript?: string;
  sequence_id?: number;
  turn_index?: number;
  trigger?: string;
  code?: string;
  end_of_turn_confidence?: number;
  words?: { word: string; start: number; end: number }[];
  thresholds?: object;
};
export type Session = {
  flux: Flux;
  messages: Message[];
  closes: { code: number }[];
  errors: Error[];
  until(matches: (message: Message) => boolean, timeoutMs?: number): Promise<Message>;
  untilClosed(timeoutMs?: number): Promise<number>;
};

export const CHUNK_BYTES = 640;
export const silence = (ms: number): Uint8Array => new Uint8Array(ms * 8).fill(0xff);

const PATIENCE_MS = 3_000;

const open: Flux[] = [];

/** Before the emulator is closed. */
export function closeSessions(): void {
  for (const flux of open.splice(0)) flux.close();
}

/** A session of the real SDK with an emulator at this address. */
export async function connectFlux(
  url: string,
  args: FluxOptions = {},
  apiKey = 'right-key',
): Promise<Session> {
  const client = new DeepgramClient({ apiKey, baseUrl: url });
  const flux = await client.listen.v2.connect({
    model: 'flux-general-en',
    encoding: 'mulaw',
    sample_rate: 8000,
    eot_threshold: 0.8,
    eager_eot_threshold: 0.5,
    Authorization: `Token ${apiKey}`,
    reconnectAttempts: 0,
    ...args,
  });
  open.push(flux);
  const session: Session = {
    flux,
    messages: [],
    closes: [],
    errors: [],
    until: async (matches, timeoutMs = PATIENCE_MS) => {
      await eventually(() => session.messages.some(matches), timeoutMs);
      return session.messages.find(matches)!;
    },
    untilClosed: async (timeoutMs = PATIENCE_MS) => {
      await eventually(() => session.closes.length > 0, timeoutMs);
      return session.closes[0]!.code;
    },
  };
  flux.on('message', (message) => session.messages.push(message as Message));
  flux.on('close', (event) => session.closes.push({ code: event.code }));
  flux.on('error', (error) => session.errors.push(error));
  flux.connect();
  return session;
}

export function play(session: Session, ...sounds: Uint8Array[]): void {
  for (const sound of sounds) {
    for (let at = 0; at < sound.length; at += CHUNK_BYTES) {
      session.flux.sendMedia(sound.slice(at, at + CHUNK_BYTES));
    }
  }
}

export const isEvent = (event: string) => (message: Message) => message.event === event;
export const stateEvents = (session: Session): string[] =>
  session.messages
    .filter((m) => m.type === 'TurnInfo' && m.event !== 'Update')
    .map((m) => m.event!);
