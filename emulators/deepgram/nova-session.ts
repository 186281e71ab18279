/** One `/v1/listen` connection. */
import { createHash } from 'node:crypto';
import { FILLER } from '../oversize.ts';
import { NovaMachine, type NovaOutput } from './nova-machine.ts';
import type { NovaSettings } from './nova-settings.ts';
import { Outbox } from './outbox.ts';
import { runSession, type SessionContext } from './session.ts';

const MODEL_UUID = '40bd3654-e622-47c4-a111-63a61b23bfe8';
const LIVE_SHA256 = createHash('sha256').digest('hex');

/** Serves the connection until it ends. */
export function serveNova(
  context: SessionContext,
  settings: NovaSettings,
  options: { readonly noAudioMs: number },
): void {
  const { connection, requestId, log, script } = context;
  const metadata = {
    request_id: requestId,
    model_info: { name: `general-${settings.model}`, version: '2026-01-01.0', arch: 'nova-3' },
    model_uuid: MODEL_UUID,
  };
  const withTranscript = (
    message: Readonly<Record<string, unknown>>,
    transcript: string,
  ): Readonly<Record<string, unknown>> => ({
    ...message,
    channel: { alternatives: [{ transcript, confidence: 0, words: [] }] },
  });
  const outbox = new Outbox({
    ...context,
    surface: {
      failure: () => ({ code: 1011, reason: 'NET-0000' }),
      emptied: (message) => withTranscript(message, ''),
      filled: (message) => withTranscript(message, FILLER),
    },
  });
  const machine = new NovaMachine(settings, script, (word) => {
    log.add({ what: 'word', connection, word });
  });
  const tell = (outputs: readonly NovaOutput[]): void => {
    for (const { name, fields, decision } of outputs) {
      const isResults = name === 'Results';
      const message = isResults ? { ...fields, metadata } : fields;
      outbox.send({ name, message, content: isResults, decision });
    }
  };
  const closeStream = (): void => {
    tell(machine.finish());
    const message = {
      type: 'Metadata',
      transaction_key: 'deprecated',
      request_id: requestId,
      sha256: LIVE_SHA256,
      created: new Date().toISOString(),
      duration: machine.position / 8_000,
      channels: 1,
    };
    outbox.send({ name: 'Metadata', message, content: false });
    outbox.close(1000, '');
  };
  outbox.begin();
  runSession(context, {
    outbox,
    quietMs: options.noAudioMs,
    onQuiet: () => outbox.close(1011, 'NET-0001'),
    onAudio: (chunk) => tell(machine.push(chunk)),
    onControl: (message) => {
      const type = message?.['type'];
      if (type === 'CloseStream') closeStream();
      else if (type === 'Finalize') tell(machine.finalize());
      // KeepAlive has no answer; nor has what nova does not know.
    },
  });
}
