/** One `/v2/listen` connection. */
import { FILLER } from '../oversize.ts';
import { FluxMachine, type FluxOutput } from './flux-machine.ts';
import { applyConfigure, type FluxSettings } from './flux-settings.ts';
import { Outbox, type Outgoing } from './outbox.ts';
import { runSession, type SessionContext } from './session.ts';
import type { DelayedMessage } from './types.ts';

type FluxOptions = { readonly forceEndTurn: boolean; readonly inactivityMs: number };

/** Sends Connected and serves the connection until it ends. */
export function serveFlux(
  context: SessionContext,
  settings: FluxSettings,
  options: FluxOptions,
): void {
  const { connection, requestId, log, script } = context;
  let sequenceId = -1;
  const outgoing = (
    name: DelayedMessage,
    fields: object,
    rest: Partial<Pick<Outgoing, 'content' | 'decision'>> = {},
  ): Outgoing => {
    sequenceId += 1;
    const message = { type: name, request_id: requestId, sequence_id: sequenceId, ...fields };
    return { name, message, content: false, ...rest };
  };
  const failure = (code: string, description: string): Outgoing => {
    const made = outgoing('Error', { code, description });
    const { request_id: _unused, ...message } = made.message;
    return { ...made, message };
  };
  const outbox = new Outbox({
    ...context,
    surface: {
      failure: () => ({
        outgoing: failure('INTERNAL_SERVER_ERROR', 'An internal error occurred.'),
        reason: 'INTERNAL_SERVER_ERROR',
      }),
      emptied: (message) => ({ ...message, transcript: '', words: [] }),
      filled: (message) => ({ ...message, transcript: FILLER }),
    },
  });
  const die = (code: string, description: string): void => {
    outbox.send(failure(code, description));
    outbox.close(undefined, code);
  };
  const machine = new FluxMachine(settings, script, (word) => {
    log.add({ what: 'word', connection, word });
  });
  const tell = (outputs: readonly FluxOutput[]): void => {
    for (const { event, fields, decision } of outputs) {
      const turnInfo = { type: 'TurnInfo', ...fields };
      outbox.send(outgoing(event, turnInfo, { content: true, decision }));
    }
  };
  const configure = (message: Readonly<Record<string, unknown>>): void => {
    const verdict = applyConfigure(machine.settings, message);
    if (!verdict.ok) {
      outbox.send(outgoing('ConfigureFailure', {}));
      return;
    }
    machine.configure(verdict.value);
    const { eotThreshold, eagerEotThreshold, eotTimeoutMs, keyterms } = verdict.value;
    const thresholds = {
      eot_threshold: eotThreshold,
      ...(eagerEotThreshold === undefined ? {} : { eager_eot_threshold: eagerEotThreshold }),
      eot_timeout_ms: eotTimeoutMs,
    };
    const hints =
      verdict.value.model === 'flux-general-multi'
        ? { language_hints: verdict.value.languageHints }
        : {};
    outbox.send(outgoing('ConfigureSuccess', { thresholds, keyterms, ...hints }));
  };
  const control = (message: Readonly<Record<string, unknown>> | undefined): void => {
    const type = message?.['type'];
    if (message !== undefined && type === 'Configure') {
      configure(message);
    } else if (type === 'CloseStream') {
      tell(machine.finish());
      outbox.close(undefined, 'CloseStream');
    } else if (type === 'ForceEndTurn' && options.forceEndTurn) {
      tell(machine.forceEndTurn());
    } else {
      // KeepAlive lands here too: there is none in v2, and it kills the connection.
      die('UNPARSABLE_CLIENT_MESSAGE', 'Could not parse the client message.');
    }
  };
  outbox.send(outgoing('Connected', {}));
  outbox.begin();
  runSession(context, {
    outbox,
    quietMs: options.inactivityMs,
    onQuiet: () => die('INACTIVE_CLIENT', 'No audio was received for too long.'),
    onAudio: (chunk) => tell(machine.push(chunk)),
    onControl: control,
  });
}
