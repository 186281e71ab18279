import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { Watchdog } from '../watchdog.ts';
import type { LlmEvent, LlmRequest } from './port.ts';

/** What one message of a vendor's stream came to. `moved`: content has come, or begun to. */
export type ReplyStep =
  | { readonly kind: 'events'; readonly events: readonly LlmEvent[]; readonly moved: boolean }
  | { readonly kind: 'garbage' };

export type WatchedReply<Raw> = {
  readonly request: LlmRequest;
  /** Asks the vendor. The signal ends the request and the reading of its answer. */
  open(signal: AbortSignal): Promise<AsyncIterable<Raw>>;
  /** Reads one message; never throws. `done` may be among the events, or be told by `done`. */
  take(raw: Raw): ReplyStep;
  readonly reader: {
    /** Something of the protocol has come. */
    readonly started: boolean;
    /** The end has been told; only the end of the body is owed. */
    readonly stopped: boolean;
    /** What a whole answer ends with; undefined while it is not, or when nothing was said. */
    readonly done?: LlmEvent | undefined;
  };
  failed(failure: VendorFailure, cause?: unknown): VendorError;
  /** What an error of the SDK means. */
  errorOf(error: unknown): VendorError;
};

/** How long the end of the body may take after the last message. */
const DRAIN_TIMEOUT_MS = 250;

/**
 * One reply of a model under its deadlines: the first content in time, no stall in between, and
 * nothing more once the request is cancelled. Rejects with VendorError.
 */
export async function* watchedReply<Raw>({
  request,
  open,
  take,
  reader,
  failed,
  errorOf,
}: WatchedReply<Raw>): AsyncGenerator<LlmEvent, void, undefined> {
  if (request.signal.aborted) throw failed('cancelled');
  const controller = new AbortController();
  let late: VendorFailure | undefined;
  let hasMoved = false;
  const watchdog = new Watchdog(() => {
    late = hasMoved ? 'stalled' : 'no-first-byte';
    controller.abort();
  });
  const cancel = (): void => controller.abort();
  request.signal.addEventListener('abort', cancel, { once: true });
  let told: LlmEvent | undefined;
  const done = (): LlmEvent | undefined => told ?? reader.done;
  try {
    watchdog.arm(request.firstTokenTimeoutMs);
    for await (const raw of await open(controller.signal)) {
      const step = take(raw);
      if (step.kind === 'garbage') throw failed('garbage');
      hasMoved ||= step.moved;
      for (const event of step.events) {
        if (event.kind === 'done') {
          told = event;
          continue;
        }
        if (request.signal.aborted) throw failed('cancelled');
        // The time our own consumer takes is not the vendor's.
        watchdog.disarm();
        yield event;
      }
      // After the last message only the end of the body is owed; reading it keeps the connection.
      if (reader.stopped) watchdog.arm(DRAIN_TIMEOUT_MS);
      else if (step.moved || !watchdog.armed) {
        watchdog.arm(hasMoved ? request.stallTimeoutMs : request.firstTokenTimeoutMs);
      }
    }
    if (request.signal.aborted) throw failed('cancelled');
    // An aborted stream may end without an error; so does one whose sender stopped in the middle.
    if (!reader.stopped) throw failed(late ?? (reader.started ? 'cut' : 'garbage'));
    const whole = done();
    if (whole === undefined) throw failed('empty');
    yield whole;
  } catch (error) {
    if (error instanceof VendorError) throw error;
    if (request.signal.aborted) throw failed('cancelled', error);
    // The answer was whole; what broke afterwards does not matter.
    const whole = done();
    if (whole !== undefined) yield whole;
    else if (reader.stopped) throw failed('empty', error);
    else throw late === undefined ? errorOf(error) : failed(late, error);
  } finally {
    watchdog.disarm();
    request.signal.removeEventListener('abort', cancel);
    // The consumer may have left in mid-stream, and an SDK may leave the body unread then.
    if (!reader.stopped || late !== undefined) controller.abort();
  }
}
