/** What must be kept of a call, as the call tells it. */
import type { DurableWriter } from '../src/store/durable-writer.ts';
import type { DurableWrite } from '../src/store/durable-writes.ts';
import type { AlertRecord } from '../src/store/sql/alerts.ts';
import type { CallFacts, TurnRecord } from '../src/store/sql/conversation-types.ts';
import { monotonicMs, type CallEvent } from '../src/events.ts';

export type { AlertRecord, CallFacts, TurnRecord };

/** Nothing here throws or waits: a call goes on whatever becomes of its records. */
export type CallRecords = {
  started(call: CallFacts): void;
  turn(call: CallFacts, turn: TurnRecord): void;
  alert(call: CallFacts, alert: AlertRecord): void;
  /** By this process, now. `resumeCount`: how often by now. */
  resumed(call: CallFacts, resumeCount: number): void;
  /** Moved to another instance, or lost: not ended. Queues memory extraction of what there is. */
  handedOver(call: CallFacts): void;
  /**
   * The line gave the call up, or lost it: whoever was on it should be called back. Told after its
   * end, and with that very one: where the call had ended in another way, nobody is called back.
   */
  callBackDue(call: CallFacts, end: CallEnding): void;
  /**
   * `endedAtMs`: Unix milliseconds. `resumeCount`: how often it was resumed, as far as is known here;
   * where it was resumed more often, it goes on elsewhere and does not end. `holder`: the instance in
   * whose hands it ended, if not in those of this one; another one's call does not end, either.
   */
  ended(
    call: CallFacts,
    endedAtMs: number,
    reason: string,
    resumeCount?: number,
    holder?: string,
  ): void;
};

export type CallEnding = {
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  readonly reason: string;
};

type OfCall = Extract<DurableWrite, { readonly call: CallFacts }>;

/** Tells those who watch the call `callSid`. */
export type Publish = (callSid: string, event: CallEvent) => void;

/** Records that survive the process `instance`. The writer keeps the order within a call. */
export function recordsInto(
  writer: Pick<DurableWriter<DurableWrite>, 'write'>,
  instance: string,
  publish: Publish = () => undefined,
): CallRecords {
  const write = async (what: OfCall): Promise<void> => {
    const beganAt = monotonicMs();
    const outcome = await writer.write(what);
    const durationMs = monotonicMs() - beganAt;
    const told = { store: 'database', operation: what.kind, outcome, durationMs } as const;
    publish(what.call.callSid, { what: 'stored', ...told });
  };
  // Owned by the writer: it never rejects, and `flush` waits for it.
  const keep = (what: OfCall): void => void write(what);
  return {
    started: (call) => keep({ kind: 'conversation-started', call }),
    turn: (call, turn) => keep({ kind: 'turn', call, turn }),
    alert: (call, alert) => keep({ kind: 'alert', call, alert }),
    resumed: (call, resumeCount) => {
      const heldSinceMs = Date.now();
      keep({ kind: 'conversation-resumed', call, resumeCount, holder: instance, heldSinceMs });
    },
    handedOver: (call) => keep({ kind: 'memories-due', call }),
    callBackDue: (call, end) => keep({ kind: 'call-back-due', call, end }),
    ended: (call, endedAtMs, reason, resumeCount, holder = instance) =>
      keep({ kind: 'conversation-ended', call, endedAtMs, reason, resumeCount, holder }),
  };
}

const nothing = (): void => undefined;

/** Keeps nothing. For tests that judge other things. */
export const NO_RECORDS: CallRecords = {
  started: nothing,
  turn: nothing,
  alert: nothing,
  resumed: nothing,
  handedOver: nothing,
  callBackDue: nothing,
  ended: nothing,
};
