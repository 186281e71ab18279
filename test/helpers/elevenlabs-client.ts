/** A plain `ws` client of ElevenLabs' sockets, with all that came in. */
import { expect } from 'vitest';
import WebSocket from 'ws';
import { InbandDecoder } from '../../emulators/speech/inband.ts';

type Message = {
  audio?: string | null;
  isFinal?: boolean | null;
  contextId?: string;
  error?: string;
  code?: number;
  message?: string;
  alignment?: { chars: string[]; charStartTimesMs: number[]; charDurationsMs: number[] } | null;
};

export class VoiceClient {
  readonly messages: Message[] = [];
  readonly raw: string[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string> = { 'xi-api-key': 'key' }) {
    this.socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.socket.on('message', (data) => {
      const text = (data as Buffer).toString('utf8');
      this.raw.push(text);
      try {
        this.messages.push(JSON.parse(text) as Message);
      } catch {
        // Garbage is looked at in `raw`.
      }
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    return this;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message that matches; vitest's own timeout is the bound. */
  async until(matches: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(matches);
      if (found) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  audio(contextId?: string): Buffer {
    const mine = this.messages.filter((m) => contextId === undefined || m.contextId === contextId);
    return Buffer.concat(mine.map((m) => Buffer.from(m.audio ?? '', 'base64')));
  }
}

/** The words in the sound, and which of them are damaged. */
export function heardIn(audio: Buffer): { text: string; damaged: boolean }[] {
  const decoder = new InbandDecoder();
  return [...decoder.push(audio), ...decoder.flush()].map(({ text, damaged }) => ({
    text,
    damaged,
  }));
}

/** @throws where a word is damaged. */
export function heardText(audio: Buffer): string {
  const words = heardIn(audio);
  expect(words.filter((word) => word.damaged)).toEqual([]);
  return words.map((word) => word.text).join(' ');
}

const open: VoiceClient[] = [];

/** Before the emulator is closed. */
export function closeClients(): void {
  for (const client of open.splice(0)) client.socket.terminate();
}

/** @param at the emulator's `wsUrl`. */
export async function connectVoice(
  at: string,
  surface: 'stream-input' | 'multi-stream-input',
  query = '',
  headers?: Record<string, string>,
): Promise<VoiceClient> {
  const client = new VoiceClient(
    `${at}/v1/text-to-speech/voice1/${surface}?model_id=eleven_flash_v2_5&output_format=ulaw_8000${query}`,
    headers,
  );
  open.push(client);
  return await client.open();
}
