/**
 * The model's reply to a turn: asked for, drafted on an eager end, promoted or dropped, spoken as
 * its clauses arrive, given up when it does not come.
 */

import { historyForModel, reserveInHistory } from './history.ts';
import { joinText, sameWords } from './lexicon.ts';
import { hasBegun, silentSince } from './audio-clock.ts';
import {
  addReplyUtterance,
  changeUtterance,
  conclude,
  findUtterance,
  speakLine,
} from './playback.ts';
import {
  emit,
  isClosing,
  NEVER,
  note,
  update,
  type Reply,
  type ToolCall,
  type Work,
} from './state.ts';
import { cancelTools, expireTools, MAX_TOOLS_AT_ONCE, runTool, settleTool } from './tools.ts';
import type { Cue, HistoryEntry, Input, TurnId, UtteranceId } from './types.ts';

const MAX_TOOL_ROUNDS = 3;

/** What a request is made from, besides the history. */
export type Basis = {
  readonly text: string;
  readonly cues: readonly Cue[];
  readonly guidance: readonly string[];
};

/** Asks the model for an answer to a turn that is in the history. */
export function ask(work: Work, turnId: TurnId, basis: Basis): UtteranceId {
  return request(work, turnId, basis, historyForModel(work), false);
}

/** Starts a draft nobody hears. False when the present one will do, or none may be made. */
export function startDraft(work: Work, turnId: TurnId, basis: Basis): boolean {
  const { reply } = work.state;
  if (reply && !reply.draft) return false;
  if (reply && matches(work, reply, basis)) return false;
  dropDraft(work);
  const history = historyForModel(work).filter(
    (entry) => entry.role !== 'caller' || entry.turnId !== turnId,
  );
  const turn: HistoryEntry = { role: 'caller', turnId, text: basis.text };
  const at = work.state.history.findIndex((e) => e.role === 'caller' && e.turnId === turnId);
  const drafted = at < 0 ? [...history, turn] : history.toSpliced(at, 0, turn);
  const utterance = request(work, turnId, basis, drafted, true);
  note(work, { what: 'draft-started', turnId, utterance });
  return true;
}

function request(
  work: Work,
  turnId: TurnId,
  basis: Basis,
  history: readonly HistoryEntry[],
  draft: boolean,
): UtteranceId {
  const utterance = addReplyUtterance(work, turnId, !draft);
  const { cues, guidance } = basis;
  update(work, {
    reply: {
      utterance,
      turnId,
      draft,
      basisText: basis.text,
      basisVersion: work.state.contextVersion,
      cues,
      guidance,
      waitingSince: work.now,
      fillerGiven: false,
      modelDone: false,
      calledTool: false,
      heldTools: [],
    },
  });
  emit(work, { kind: 'ask-model', utterance, turnId, draft, history, cues, guidance });
  return utterance;
}

function matches(work: Work, reply: Reply, basis: Basis): boolean {
  return (
    reply.basisVersion === work.state.contextVersion &&
    sameWords(reply.basisText, basis.text) &&
    reply.cues.join() === basis.cues.join() &&
    reply.guidance.join('\n') === basis.guidance.join('\n')
  );
}

/** Lets the caller hear the draft, if it is the draft of just this. */
export function promoteDraft(work: Work, turnId: TurnId, basis: Basis): boolean {
  const { reply } = work.state;
  if (!reply?.draft || reply.turnId !== turnId || !matches(work, reply, basis)) return false;
  update(work, { reply: { ...reply, draft: false, waitingSince: work.now, heldTools: [] } });
  changeUtterance(work, reply.utterance, { released: true });
  emit(work, { kind: 'release', utterance: reply.utterance, first: false });
  note(work, { what: 'draft-promoted', turnId, utterance: reply.utterance });
  for (const call of reply.heldTools) callTool(work, call);
  const silent = findUtterance(work.state, reply.utterance)?.text.trim() === '';
  if (reply.modelDone && silent) withdrawSilent(work, reply.utterance);
  return true;
}

/** The caller said more than the draft answers. */
export function concernDrafts(work: Work, text: string): void {
  const { reply } = work.state;
  if (reply?.draft && !sameWords(reply.basisText, text)) dropDraft(work);
}

export function dropDraft(work: Work): void {
  const { reply } = work.state;
  if (!reply?.draft) return;
  stopReply(work);
  note(work, { what: 'draft-wasted', turnId: reply.turnId, utterance: reply.utterance });
}

/** Ends the model's work on the present reply. What was sent of it is concluded by the floor. */
export function stopReply(work: Work): void {
  const { reply } = work.state;
  if (!reply) return;
  if (!reply.modelDone) emit(work, { kind: 'cancel-model', utterance: reply.utterance });
  update(work, { reply: undefined });
  cancelTools(work);
  const utterance = findUtterance(work.state, reply.utterance);
  if (!utterance || hasBegun(utterance)) return;
  emit(work, { kind: 'cancel-speech', utterance: utterance.id });
  conclude(work, utterance, 'cut');
}

function current(work: Work, utterance: UtteranceId): Reply | undefined {
  const { reply } = work.state;
  return reply?.utterance === utterance && !reply.modelDone ? reply : undefined;
}

export function onClause(work: Work, input: Extract<Input, { kind: 'reply-clause' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!current(work, input.utterance) || !utterance || input.text.trim() === '') return;
  changeUtterance(work, utterance.id, { text: joinText(utterance.text, input.text) });
  emit(work, { kind: 'say', utterance: utterance.id, text: input.text });
}

export function onReplyTool(work: Work, input: Extract<Input, { kind: 'reply-tool' }>): void {
  const reply = current(work, input.utterance);
  if (!reply) return;
  const call: ToolCall = { callId: input.callId, name: input.name, input: input.input };
  if (reply.draft) {
    const heldTools = [...reply.heldTools, call].slice(0, MAX_TOOLS_AT_ONCE);
    update(work, { reply: { ...reply, heldTools } });
    return;
  }
  callTool(work, call);
}

function callTool(work: Work, call: ToolCall): void {
  const { reply: before } = work.state;
  if (!before) return;
  const reply = { ...before, calledTool: true };
  update(work, { reply });
  const utterance = findUtterance(work.state, reply.utterance);
  if (utterance) reserveInHistory(work, utterance);
  runTool(work, reply.turnId, call);
  if (utterance?.text.trim() === '' && !reply.fillerGiven) {
    update(work, { reply: { ...reply, fillerGiven: true, waitingSince: work.now } });
    speakLine(work, 'checking', { turnId: reply.turnId, first: true });
  }
}

export function onReplyDone(work: Work, input: Extract<Input, { kind: 'reply-done' }>): void {
  const reply = current(work, input.utterance);
  if (!reply) return;
  update(work, { reply: { ...reply, modelDone: true } });
  const utterance = findUtterance(work.state, reply.utterance);
  const wantsTool = work.state.tools.length > 0 || reply.heldTools.length > 0;
  if (!utterance) return;
  if (utterance.text.trim() === '') {
    if (!wantsTool && !reply.calledTool) return giveUp(work);
    withdrawSilent(work, utterance.id);
    return wantsTool ? undefined : onToolsSettled(work, reply.turnId);
  }
  changeUtterance(work, utterance.id, { textDone: true });
  emit(work, { kind: 'finish-speech', utterance: utterance.id });
  // A tool that was settled before its request ended is answered now.
  if (!wantsTool && reply.calledTool) onToolsSettled(work, reply.turnId);
}

/** A reply that only calls tools has nothing to be spoken. A draft keeps its place. */
function withdrawSilent(work: Work, id: UtteranceId): void {
  if (work.state.reply?.draft) return;
  const utterance = findUtterance(work.state, id);
  if (!utterance) return;
  emit(work, { kind: 'cancel-speech', utterance: id });
  conclude(work, utterance, 'cut');
}

export function onReplyFailed(work: Work, input: Extract<Input, { kind: 'reply-failed' }>): void {
  const reply = current(work, input.utterance);
  if (!reply) return;
  update(work, { reply: { ...reply, modelDone: true } });
  giveUp(work);
}

/**
 * Nothing more will come of this reply: the caller hears what there is of it and an apology, and
 * the turn is theirs again.
 */
export function giveUp(work: Work): void {
  const { reply } = work.state;
  if (!reply) return;
  if (reply.draft) return dropDraft(work);
  const utterance = findUtterance(work.state, reply.utterance);
  const spoken = utterance !== undefined && utterance.text.trim() !== '';
  const hopeless = spoken && utterance.readyMs === 0;
  if (spoken && !hopeless) {
    if (!reply.modelDone) emit(work, { kind: 'cancel-model', utterance: reply.utterance });
    if (!utterance.textDone) {
      changeUtterance(work, utterance.id, { textDone: true });
      emit(work, { kind: 'finish-speech', utterance: utterance.id });
    }
    update(work, { reply: undefined });
    cancelTools(work);
  } else {
    stopReply(work);
  }
  if (isClosing(work.state)) return;
  if (work.state.ending.at === 'farewell') {
    speakLine(work, 'goodbye', { turnId: reply.turnId });
    return;
  }
  speakLine(work, spoken && !hopeless ? 'lost-thread' : 'trouble', { turnId: reply.turnId });
}

export function onToolSettled(work: Work, input: Extract<Input, { kind: 'tool-settled' }>): void {
  const turnId = settleTool(work, input.callId, input.result, input.isError);
  if (turnId !== undefined) onToolsSettled(work, turnId);
}

/** Once every tool of a reply is settled and the reply has ended, the model goes on from there. */
function onToolsSettled(work: Work, turnId: TurnId): void {
  const { reply, tools } = work.state;
  if (tools.length > 0 || reply?.turnId !== turnId || !reply.modelDone || reply.draft) return;
  const { history } = work.state;
  const at = history.findIndex((e) => e.role === 'caller' && e.turnId === turnId);
  const rounds = history.slice(at).filter((entry) => entry.role === 'tool').length;
  if (rounds > MAX_TOOL_ROUNDS) return giveUp(work);
  const { fillerGiven, waitingSince, basisText, guidance } = reply;
  ask(work, turnId, { text: basisText, cues: ['after-tool'], guidance });
  const next = work.state.reply;
  if (next) update(work, { reply: { ...next, fillerGiven, waitingSince } });
}

/** Since when the caller has heard nothing while waiting for this reply. */
function waitedSince(work: Work, reply: Reply): number {
  return Math.max(reply.waitingSince, silentSince(work.state));
}

function isWaitedFor(work: Work): Reply | undefined {
  const { reply, caller, stream, pausedAt } = work.state;
  if (!reply || reply.draft || caller.at !== 'quiet' || stream !== 'attached') return undefined;
  if (pausedAt !== undefined) return undefined;
  const utterance = findUtterance(work.state, reply.utterance);
  // Everything made and sent: the ledger ends it.
  if (utterance?.textDone && utterance.audioEnded && utterance.sentMs >= utterance.readyMs) {
    return undefined;
  }
  return reply;
}

export function replyDeadline(work: Work): number {
  const { tools } = work.state;
  const toolsUntil = tools.reduce((first, tool) => Math.min(first, tool.until), NEVER);
  const reply = isWaitedFor(work);
  if (!reply) return toolsUntil;
  const { settings } = work.state;
  const utterance = findUtterance(work.state, reply.utterance);
  const silent = waitedSince(work, reply);
  const unheard = utterance === undefined || !hasBegun(utterance);
  const patienceMs =
    unheard && !reply.fillerGiven ? settings.fillerAfterMs : settings.giveUpAfterMs;
  return Math.min(toolsUntil, silent + patienceMs);
}

export function onReplyTime(work: Work): void {
  for (const turnId of expireTools(work)) onToolsSettled(work, turnId);
  const reply = isWaitedFor(work);
  if (!reply) return;
  const { settings } = work.state;
  const utterance = findUtterance(work.state, reply.utterance);
  const silent = waitedSince(work, reply);
  const unheard = utterance === undefined || !hasBegun(utterance);
  if (unheard && !reply.fillerGiven) {
    if (work.now < silent + settings.fillerAfterMs) return;
    update(work, { reply: { ...reply, fillerGiven: true, waitingSince: work.now } });
    speakLine(work, 'filler', { turnId: reply.turnId, first: true });
    note(work, { what: 'filler', turnId: reply.turnId });
  } else if (work.now >= silent + settings.giveUpAfterMs) {
    giveUp(work);
  }
}
