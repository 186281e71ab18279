/**
 * The server without vendors: every vendor's emulator in this process, the real SDKs pointed at
 * them over loopback, and a page at `/` on which anyone can talk to the companion.
 */
import { startAnthropicEmulator } from '../emulators/anthropic/server.ts';
import { startDeepgramEmulator } from '../emulators/deepgram/server.ts';
import { startElevenLabsEmulator } from '../emulators/elevenlabs/server.ts';
import { startGeminiEmulator } from '../emulators/gemini/server.ts';
import { startTwilioEmulator } from '../emulators/twilio/emulator.ts';
import { createApp, type App } from '../src/app.ts';
import { webhookUrl, withEmulators, withListeningPort, type Config } from '../src/config.ts';
import type { Logger } from '../src/log.ts';
import { stranger, type Person } from '../src/companion/person.ts';
import { startDevPhone } from './dev-phone.ts';

/** Starts emulators, server and page; `close` ends them in the opposite order. */
export async function startOnEmulators(
  config: Config,
  log: Logger,
): Promise<{ readonly app: App; close(): Promise<void> }> {
  const { accountSid, authToken, phoneNumber } = config.twilio;
  const [twilio, deepgram, anthropic, gemini, elevenlabs] = await Promise.all([
    startTwilioEmulator({ accountSid, authToken }),
    startDeepgramEmulator({ briefLog: true }),
    startAnthropicEmulator(),
    startGeminiEmulator(),
    startElevenLabsEmulator(),
  ]);
  const urls = {
    twilio: twilio.url,
    deepgram: deepgram.url,
    anthropic: anthropic.url,
    gemini: gemini.url,
    elevenlabs: elevenlabs.url,
  };
  // Whoever calls from the page, by the number that the page has: nine thousand at most.
  const callers = new Map<string, Person>();
  const vendors = [twilio, deepgram, anthropic, gemini, elevenlabs];
  const closeVendors = async (): Promise<void> => {
    await Promise.all(vendors.map(async (vendor) => await vendor.close()));
  };
  const app = await createApp(withEmulators(config, urls), log, {
    webRoot: new URL('./web', import.meta.url).pathname,
    introduced: (number) => callers.get(number),
  }).catch(async (error: unknown) => {
    await closeVendors();
    throw error;
  });
  const close = async (): Promise<void> => {
    await app.close();
    await closeVendors();
  };
  const port = await listenOrClose(app, close);
  const reached = withListeningPort(config, port);
  twilio.setNumber({
    phoneNumber,
    voiceUrl: webhookUrl(reached, '/voice/answer'),
    statusCallbackUrl: webhookUrl(reached, '/voice/status'),
  });
  const subscribe = app.events.subscribe.bind(app.events);
  const phone = config.devRoutes
    ? startDevPhone({
        server: app.server,
        subscribe,
        twilio,
        number: phoneNumber,
        introduce: (number, who) => callers.set(number, { ...stranger(number), ...who }),
      })
    : undefined;
  process.stderr.write(banner(config.missingKeys, phone && `http://127.0.0.1:${port}/`));
  return {
    app,
    close: async () => {
      await phone?.close();
      await close();
    },
  };
}

/** A port that is taken must not leave a process that only the emulators keep alive. */
async function listenOrClose(app: App, close: () => Promise<void>): Promise<number> {
  try {
    return await app.listen();
  } catch (error) {
    await close();
    throw error;
  }
}

function banner(missing: readonly string[], page: string | undefined): string {
  const line = '─'.repeat(66);
  return [
    line,
    '  HEARTHLINE IS RUNNING ON EMULATORS. No call reaches a telephone.',
    `  Not set: ${missing.join(', ')}`,
    page === undefined ? '  DEV_ROUTES is off: no page.' : `  Talk to the companion at ${page}`,
    line,
    '',
  ].join('\n');
}
