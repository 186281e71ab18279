/** What a server hears on an emulated media stream. */
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import type { CallerLeg, TwilioEmulator } from '../../emulators/twilio/types.ts';
import { CALLER, OUR_NUMBER, startPair } from './twilio-emulator-fixture.ts';
import type { ServerStream, WebhookServer } from './twilio-webhook-server.ts';

export type Connected = {
  emulator: TwilioEmulator;
  server: WebhookServer;
  leg: CallerLeg;
  stream: ServerStream;
};

/** An emulated carrier with a call whose stream is up. */
export async function connected(...[options]: Parameters<typeof startPair>): Promise<Connected> {
  const { emulator, server } = await startPair(options);
  const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
  return { emulator, server, leg, stream: await server.stream() };
}

export type Media = {
  sequenceNumber: string;
  media: Record<'track' | 'chunk' | 'timestamp' | 'payload', string>;
};

export function mediaOf(stream: ServerStream): Media[] {
  return stream.of('media') as unknown as Media[];
}

export function bytesOf(stream: ServerStream): Buffer {
  return Buffer.concat(mediaOf(stream).map((m) => Buffer.from(m.media.payload, 'base64')));
}

export function wordsOf(stream: ServerStream): string[] {
  return new InbandDecoder().push(bytesOf(stream)).map((word) => word.text);
}
