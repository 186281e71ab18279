/** Which events of a call are worth a line in the log, and what of them may stand there. */
import type { EventHub, TimedCallEvent } from './events.ts';
import type { Logger } from './log.ts';

/** Writes the calls' milestones and troubles to the log. Nothing that people said is among them. */
export function logEvents(hub: EventHub, log: Logger): () => void {
  return hub.subscribe((event) => write(event, log));
}

function write(event: TimedCallEvent, log: Logger): void {
  const { callSid } = event;
  switch (event.what) {
    case 'call-started':
      return log.info('call started', { callSid, direction: event.direction });
    case 'stream-attached':
      return log.info('stream attached', { callSid, resumed: event.resumed, epoch: event.epoch });
    case 'stream-closed':
      return log.info('stream closed', { callSid });
    case 'alert-raised':
      return log.warn('alert raised', {
        callSid,
        category: event.category,
        severity: event.severity,
      });
    case 'vendor-failed':
      return log.warn('vendor failed', {
        callSid,
        vendor: event.vendor,
        failure: event.failure,
      });
    case 'ladder-moved':
      return log.warn('ladder moved', {
        callSid,
        what: event.service,
        from: event.from,
        to: event.to,
      });
    case 'barge-in': {
      const { utterance, heardMs, sentMs } = event;
      return log.debug('barge-in', { callSid, utterance, heardMs, sentMs });
    }
    case 'call-ended': {
      const { reason, durationMs } = event;
      return log.info('call ended', { callSid, reason, durationMs });
    }
    default:
      return undefined;
  }
}
