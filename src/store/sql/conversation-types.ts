/** Calls and turns as they are kept. */

/** What every write about a call carries, so that each can be the first to arrive. */
export type CallFacts = {
  readonly callSid: string;
  /** Undefined: a caller whom nobody knows. */
  readonly seniorId: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  /** Unix milliseconds. */
  readonly startedAtMs: number;
};

export type TurnRecord = {
  readonly speaker: 'caller' | 'companion';
  /** The call's own name for it: the caller's turn id, or `u-` and the number of an utterance. */
  readonly turnKey: string;
  /** Grows each time the same turn is told anew. */
  readonly revision: number;
  readonly kind: 'turn' | 'backchannel';
  /** The key of the caller's turn that it answers. */
  readonly answers: string | undefined;
  /** Of the caller: what was understood. Of the companion: what the caller heard. */
  readonly heard: string;
  /** Of the companion: all that was to be said, where it is more than was heard. */
  readonly spoken: string | undefined;
  readonly interrupted: boolean;
  /** Unix milliseconds. */
  readonly happenedAtMs: number;
  /** Figures in milliseconds by name; never words. */
  readonly timings: Readonly<Record<string, number>>;
};

export type StoredConversation = {
  readonly conversationId: string;
  readonly callSid: string;
  readonly seniorId: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  readonly state: 'active' | 'ended';
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly endReason: string | undefined;
  readonly resumeCount: number;
  /** The instance that took it up last. Undefined: nobody has, after the first. */
  readonly holder: string | undefined;
};

/** Who took a call up, and how often that has been done by now. */
export type Resumption = {
  readonly resumeCount: number;
  /** The id of an instance. */
  readonly holder?: string | undefined;
  /** Unix milliseconds. */
  readonly heldSinceMs?: number | undefined;
};

/** The end of a call, with what whoever ends it knows. */
export type ConversationEnd = {
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  readonly reason: string;
  /** Left out: it is over in any case. */
  readonly resumeCount?: number | undefined;
  /** In whose hands it ended: the id of an instance. */
  readonly holder?: string | undefined;
};
