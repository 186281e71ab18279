import { afterEach } from 'vitest';
import { startTwilioEmulator } from '../../emulators/twilio/emulator.ts';
import type { TwilioEmulator, TwilioEmulatorOptions } from '../../emulators/twilio/types.ts';
import { WebhookServer } from './twilio-webhook-server.ts';

export const CALLER = '+15550002222';
export const OUR_NUMBER = '+15550001111';

const running: { emulator: TwilioEmulator; server: WebhookServer }[] = [];

afterEach(async () => {
  for (const { emulator, server } of running.splice(0)) {
    await server.close();
    await emulator.close();
  }
});

/** An emulator and a customer's server that know each other; both end with the test. */
export async function startPair(
  options: TwilioEmulatorOptions = {},
): Promise<{ emulator: TwilioEmulator; server: WebhookServer }> {
  const emulator = await startTwilioEmulator(options);
  const server = new WebhookServer(emulator.authToken);
  await server.listen();
  running.push({ emulator, server });
  emulator.setNumber({
    phoneNumber: OUR_NUMBER,
    voiceUrl: `${server.url}/answer`,
    statusCallbackUrl: `${server.url}/status`,
    messagingUrl: `${server.url}/message`,
  });
  server.answers.set('/answer', server.streamTwiml());
  return { emulator, server };
}
