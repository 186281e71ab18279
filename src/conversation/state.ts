import type {
  Cue,
  Effect,
  EndReason,
  HistoryEntry,
  LineId,
  Note,
  Settings,
  TimedWord,
  TurnId,
  UtteranceId,
} from './types.ts';

/**
 * The audio clock: `ms` of an utterance had been played at `at`, or up to `lagMs` later. A mark
 * shows the lag of the carrier and of its own way back; the smallest one seen is believed, so that
 * a mark that was held up does not set the clock back.
 */
export type Anchor = {
  readonly ms: number;
  readonly at: number;
  readonly lagMs: number | undefined;
};

/** Something the companion says, from the first order for it until it was played or cut. */
export type Utterance = {
  readonly id: UtteranceId;
  /** Undefined: a reply of the model. */
  readonly line: LineId | undefined;
  readonly turnId: TurnId | undefined;
  /** Barge-in does not stop it. */
  readonly unstoppable: boolean;
  readonly text: string;
  readonly textDone: boolean;
  /** May be sent. A draft is not released. */
  readonly released: boolean;
  readonly words: readonly TimedWord[];
  readonly readyMs: number;
  /** No more audio will be made. */
  readonly audioEnded: boolean;
  readonly sentMs: number;
  /** The newest certain point of its play-out: this much of it was played at this time. */
  readonly anchor: Anchor | undefined;
  /** What was heard of it before a clear had it begin again. */
  readonly heardBeforeMs: number;
  /** The furthest mark that came back. */
  readonly markedMs: number;
  /** The end of its text, where no voice of ours can speak it: left for the carrier's. */
  readonly rest: string | undefined;
  /** The carrier has been asked to speak it. */
  readonly lending: boolean;
};

/** A stretch of caller speech, from onset until it is committed or dropped. */
export type OpenTurn = {
  readonly turnId: TurnId;
  readonly revision: number;
  readonly sttTurn: number;
  /** Words of the same turn from earlier STT turns. */
  readonly base: string;
  readonly text: string;
  readonly openedAt: number;
  /** Last sign of life, words or not. */
  readonly changedAt: number;
  readonly lastWordAt: number;
  /** It began while the companion had something to say. */
  readonly overlapped: boolean;
  /** The caller has the floor: the companion's speech was stopped or there was none. */
  readonly hasFloor: boolean;
  readonly interrupted: boolean;
  readonly eagerOpen: boolean;
  readonly drafts: number;
  readonly cutIn: boolean;
};

export type Caller =
  | { readonly at: 'quiet' }
  | { readonly at: 'talking'; readonly turn: OpenTurn }
  /** A final has come; the person's own end-silence is still waited for. */
  | { readonly at: 'settling'; readonly turn: OpenTurn; readonly guidance: readonly string[] };

export type CommittedTurn = {
  readonly turnId: TurnId;
  readonly revision: number;
  readonly text: string;
  readonly committedAt: number;
  readonly drafts: number;
};

/** The model's current work on one turn. */
export type Reply = {
  readonly utterance: UtteranceId;
  readonly turnId: TurnId;
  readonly draft: boolean;
  /** What the draft was made from. */
  readonly basisText: string;
  readonly basisVersion: number;
  readonly cues: readonly Cue[];
  readonly guidance: readonly string[];
  /** Since when the caller has been waiting for it. */
  readonly waitingSince: number;
  readonly fillerGiven: boolean;
  readonly modelDone: boolean;
  /** This very request called a tool, so its answer needs one more request. */
  readonly calledTool: boolean;
  /** Tools a draft asked for; they run when it is promoted. */
  readonly heldTools: readonly ToolCall[];
};

export type ToolCall = { readonly callId: string; readonly name: string; readonly input: unknown };

export type RunningTool = {
  readonly callId: string;
  readonly turnId: TurnId;
  readonly until: number;
};

export type Ending =
  | { readonly at: 'none' }
  /** The caller said goodbye; after our own, a grace period. */
  | { readonly at: 'farewell'; readonly saidAt: number; readonly until: number | undefined }
  /** The last line of the call is being spoken. */
  | {
      readonly at: 'last-words';
      readonly utterance: UtteranceId;
      readonly reason: EndReason;
      readonly until: number;
    }
  | { readonly at: 'hanging-up'; readonly reason: EndReason; readonly until: number }
  | { readonly at: 'moving'; readonly until: number }
  | { readonly at: 'finished'; readonly reason: EndReason };

export type CallState = {
  readonly settings: Settings;
  readonly startedAt: number;
  /** `lent`: the carrier speaks for us, and will give the line back; since when that is overdue. */
  readonly stream: 'awaited' | 'attached' | 'lost' | 'lent';
  readonly streamSince: number;
  readonly nextUtterance: UtteranceId;
  readonly nextTurn: number;
  readonly caller: Caller;
  /** STT turns up to this one are over; whatever still comes of them is stale. */
  readonly lastSttTurn: number;
  /** Words of an STT turn that were committed before it ended. */
  readonly consumed: { readonly sttTurn: number; readonly words: number } | undefined;
  readonly lastTurn: CommittedTurn | undefined;
  readonly reply: Reply | undefined;
  /** In the order in which they play; drafts among them. */
  readonly utterances: readonly Utterance[];
  readonly pausedAt: number | undefined;
  /** When the newest concluded audio ended. */
  readonly lastAudibleAt: number;
  readonly history: readonly HistoryEntry[];
  readonly contextVersion: number;
  readonly tools: readonly RunningTool[];
  readonly idle: { readonly since: number; readonly step: number; readonly askedAgain: boolean };
  readonly ending: Ending;
  readonly drain: { readonly how: 'move' | 'wind-up'; readonly deadline: number } | undefined;
  readonly listening: 'voice' | 'keypad';
  readonly alerted: readonly string[];
  readonly lineUses: Readonly<Partial<Record<LineId, number>>>;
};

/** A call of which nothing has happened yet. */
export function startCall(settings: Settings, now: number): CallState {
  return {
    settings,
    startedAt: now,
    stream: 'awaited',
    streamSince: now,
    nextUtterance: 1,
    nextTurn: 1,
    caller: { at: 'quiet' },
    lastSttTurn: -1,
    consumed: undefined,
    lastTurn: undefined,
    reply: undefined,
    utterances: [],
    pausedAt: undefined,
    lastAudibleAt: now,
    history: [],
    contextVersion: 0,
    tools: [],
    idle: { since: now, step: 0, askedAgain: false },
    ending: { at: 'none' },
    drain: undefined,
    listening: 'voice',
    alerted: [],
    lineUses: {},
  };
}

/** As a time: no deadline at all. */
export const NEVER = Infinity;

/** The workspace of one step: the state so far and the effects so far. */
export type Work = { state: CallState; readonly now: number; readonly effects: Effect[] };

export function update(work: Work, change: Partial<CallState>): void {
  work.state = { ...work.state, ...change };
}

export function emit(work: Work, effect: Effect): void {
  work.effects.push(effect);
}

export function note(work: Work, what: Note): void {
  work.effects.push({ kind: 'note', note: what });
}

/** The call is past the point where anything new may be said. */
export function isClosing(state: CallState): boolean {
  const at = state.ending.at;
  return at === 'last-words' || at === 'hanging-up' || at === 'moving' || at === 'finished';
}
