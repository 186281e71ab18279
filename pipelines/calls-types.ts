/** What the calls of a process are given, and what is said of them: the shapes around `calls.ts`. */
import type { Person } from '../src/companion/person.ts';
import type { Settings } from '../src/conversation/types.ts';
import type { CallIdentity, CallServices } from './call-types.ts';

export type CallsOptions = {
  readonly services: CallServices;
  readonly maxCalls: number;
  /** The process cannot keep up with the calls it has: it takes no more for now. */
  readonly isOverloaded?: (() => boolean) | undefined;
  /** Callbacks of outbound calls, absolute URLs. Called late: the port may come late. */
  readonly urls: () => { readonly answer: string; readonly status: string; readonly amd: string };
  readonly settings?: Partial<Settings> | undefined;
  /** The carrier tells of a call that this process does not have. */
  readonly onElsewhere?: ((told: ToldElsewhere) => void) | undefined;
};

export type ToldElsewhere =
  | { readonly what: 'over'; readonly callSid: string }
  | {
      readonly what: 'answered-by';
      readonly callSid: string;
      readonly who: 'human' | 'machine' | 'fax' | 'unknown';
    };

/** Why no more calls are taken: we leave, the event loop is late, `MAX_CALLS`. */
export type NoRoom = 'draining' | 'late' | 'limit';

export type Direction = 'inbound' | 'outbound';

/** A call may get another stream in place of a lost one this often; then the line gives it up. */
export const MAX_RESUMES = 5;
/** What a call that is taken over begins with. */
export type TakenOver = {
  readonly callSid: string;
  readonly direction: Direction;
  readonly person: Person;
  readonly epoch: number;
  /** Unix milliseconds; undefined: nobody knows. */
  readonly startedAtMs: number | undefined;
  /** Undefined: it has not had a stream yet. */
  readonly resumed: CallIdentity['resumed'];
};

/** The epoch of the process that a call reaches first. */
export const FIRST_EPOCH = 1;
export type PlaceCallResult =
  { readonly callSid: string } | { readonly refused: 'full' | 'inactive' };
