/** Builds what a call leaves behind, event by event, for the auditor's tests. */
import type { AnthropicEvent } from '../../emulators/anthropic/types.ts';
import type { DeepgramEvent, FluxEventName } from '../../emulators/deepgram/types.ts';
import type { ElevenLabsEvent } from '../../emulators/elevenlabs/types.ts';
import type { LogEntry } from '../../emulators/log.ts';
import type { ClearRecord, PlayedWord, TwilioEvent } from '../../emulators/twilio/types.ts';
import type { Evidence, SpokenLine } from '../../demo/audit/evidence.ts';
import type { CallEvent, TimedCallEvent } from '../../src/events.ts';

const CALL = 'CA1';
const STREAM = 'MZ1';
const WORD_MS = 300;

type Mutable = { -readonly [K in keyof Evidence]: Evidence[K] };

/** A call answered at 10,000 ms; every method adds what one thing would leave in the logs. */
export class EvidenceBuilder {
  readonly twilio: LogEntry<TwilioEvent>[] = [];
  readonly stt: LogEntry<DeepgramEvent>[] = [];
  readonly model: LogEntry<AnthropicEvent>[] = [];
  readonly voice: LogEntry<ElevenLabsEvent>[] = [];
  readonly events: TimedCallEvent[] = [];
  readonly lines: SpokenLine[] = [];
  readonly heard: PlayedWord[] = [];
  readonly clears: ClearRecord[] = [];
  readonly answeredAtMs = 10_000;
  #utterance = 100;
  #context = 0;

  event(atMs: number, event: CallEvent): this {
    this.events.push({ ...event, callSid: CALL, atMs });
    return this;
  }

  start(atMs: number): this {
    const customParameters = {};
    const where = { callSid: CALL, streamSid: STREAM, url: 'ws://x', customParameters };
    this.twilio.push({ what: 'stream-started', ...where, atMs });
    return this;
  }

  media(atMs: number): this {
    const where = { callSid: CALL, streamSid: STREAM };
    const sound = { bytes: 1600, position: 0, bufferedMs: 0, first: true };
    this.twilio.push({ what: 'media', ...where, ...sound, atMs });
    return this;
  }

  /** The caller says something; its last frame leaves at `endAtMs`. */
  says(
    text: string,
    endAtMs: number,
    kind: SpokenLine['kind'] = 'turn',
    triggerWord?: number,
  ): SpokenLine {
    this.#utterance += 1;
    const words = text.split(' ');
    const startedAtMs = endAtMs - words.length * WORD_MS;
    const line: SpokenLine = {
      kind,
      text,
      utterance: this.#utterance,
      words: words.map((word, i) => ({
        text: word,
        startMs: i * WORD_MS,
        endMs: (i + 1) * WORD_MS,
      })),
      triggerWord,
      result: {
        firstFrameAtMs: startedAtMs,
        lastSpeechFrameAtMs: endAtMs,
        endedAtMs: endAtMs,
        lineMs: startedAtMs - this.answeredAtMs,
        frames: words.length * 15,
        framesLost: 0,
        cut: false,
      },
    };
    this.lines.push(line);
    return line;
  }

  /** The STT sends a turn event about a line; `word` is the last word that it holds. */
  stt_(
    name: FluxEventName,
    line: SpokenLine,
    atMs: number,
    silenceMs = 0,
    word = line.words.length - 1,
  ): this {
    this.stt.push({
      what: 'sent',
      connection: 1,
      name,
      message: {},
      decidedAtMs: atMs,
      decision: {
        decidedByByte: 0,
        crossingByte: 0,
        lastWordEndByte: 0,
        silenceMs,
        lastWord: { utterance: line.utterance, index: word },
      },
      atMs,
    });
    return this;
  }

  /**
   * The model is asked, answers `text`, and the voice speaks its first clause; `heardWords` of it
   * come out of the earpiece from `mediaAtMs` on.
   */
  reply(facts: {
    askedAtMs: number;
    text: string;
    mediaAtMs: number;
    heardWords?: number;
    modelWaitMs?: number;
    clauseMs?: number;
    voiceWaitMs?: number;
    shown?: readonly { readonly role: 'user' | 'assistant'; readonly text: string }[];
    damaged?: boolean;
  }): number {
    this.#context += 1;
    this.#utterance += 1;
    const id = `msg_${this.#context}`;
    const { askedAtMs, text, modelWaitMs = 100, clauseMs = 60, voiceWaitMs = 60 } = facts;
    const firstTokenAtMs = askedAtMs + modelWaitMs;
    const textAtMs = firstTokenAtMs + clauseMs;
    this.#ask(id, askedAtMs, facts.shown ?? []);
    this.model.push({ what: 'reply', id, text, plannedTokens: 9, atMs: askedAtMs });
    const wait = { waitMs: modelWaitMs, scriptedMs: modelWaitMs };
    this.model.push({ what: 'first-token', id, ...wait, atMs: firstTokenAtMs });
    this.model.push({
      what: 'complete',
      id,
      tokensSent: 9,
      stopReason: 'end_turn',
      atMs: textAtMs,
    });
    this.#voice(text, textAtMs, voiceWaitMs);
    this.media(facts.mediaAtMs);
    const words = text.split(' ').slice(0, facts.heardWords);
    words.forEach((word, index) => {
      this.#hear(word, facts.mediaAtMs + 10 + index * WORD_MS, index, facts.damaged ?? false);
    });
    return facts.mediaAtMs + 10 + words.length * WORD_MS;
  }

  /** A fixed line, which no model wrote, comes out of the earpiece. */
  fixedLine(text: string, mediaAtMs: number): this {
    this.#utterance += 1;
    this.media(mediaAtMs);
    text.split(' ').forEach((word, index) => {
      this.#hear(word, mediaAtMs + 10 + index * WORD_MS, index, false);
    });
    return this;
  }

  clear(atMs: number, flushedBytes = 4_000): this {
    const lineMs = atMs - this.answeredAtMs;
    const record: ClearRecord = {
      reason: 'clear',
      atMs,
      lineMs,
      flushedBytes,
      flushedMarks: [],
      heardWords: this.heard.filter((word) => word.lineEndMs <= lineMs).length,
      flushedWords: [],
    };
    this.clears.push(record);
    this.twilio.push({ what: 'clear', callSid: CALL, streamSid: STREAM, record, atMs });
    return this;
  }

  build(change: Partial<Mutable> = {}): Evidence {
    return {
      callSid: CALL,
      answeredAtMs: this.answeredAtMs,
      lines: this.lines,
      beepEndedAtMs: undefined,
      twilio: this.twilio,
      vendors: { stt: this.stt, model: this.model, voice: this.voice },
      sttDelayMs: 0,
      heard: this.heard,
      clears: this.clears,
      silences: [],
      underruns: 0,
      end: { how: 'server-completed', status: 'completed', atMs: 90_000 },
      events: this.events,
      serverExitCode: 0,
      kept: undefined,
      expect: { endedBy: 'server', answers: 0 },
      callerTrouble: undefined,
      holdUps: [],
      ...change,
    };
  }

  #ask(
    id: string,
    atMs: number,
    shown: readonly { readonly role: 'user' | 'assistant'; readonly text: string }[],
  ): void {
    this.model.push({
      what: 'request',
      id,
      model: 'm',
      stream: true,
      system: [],
      messages: shown.map(({ role, text }) => ({ role, content: [{ type: 'text', text }] })),
      tools: [],
      usage: {
        inputTokens: 1,
        cacheReadTokens: 0,
        cacheCreation5mTokens: 0,
        cacheCreation1hTokens: 0,
      },
      userText: '',
      retryCount: undefined,
      apiVersion: '',
      traceparent: undefined,
      atMs,
    });
  }

  #voice(text: string, textAtMs: number, waitMs: number): void {
    const where = { connection: 1, contextId: `u${this.#context}` };
    const firstAudioAtMs = textAtMs + waitMs;
    this.voice.push({ what: 'text', ...where, text, flush: true, atMs: textAtMs });
    this.voice.push({
      what: 'generation',
      surface: 'multi',
      ...where,
      generation: 1,
      text,
      receivedAtMs: textAtMs,
      firstAudioAtMs,
      requestedFirstByteMs: 60,
      queuedMs: 0,
      synthLateMs: 0,
      waitMs,
      atMs: firstAudioAtMs,
    });
    const audio = { generation: 1, utterance: this.#utterance, audioMs: 200, late: false };
    this.voice.push({ what: 'audio', ...where, ...audio, atMs: firstAudioAtMs });
  }

  #hear(text: string, startedAtMs: number, index: number, damaged: boolean): void {
    const lineStartMs = startedAtMs - this.answeredAtMs;
    this.heard.push({
      text,
      startedAtMs,
      playedAtMs: startedAtMs + WORD_MS,
      lineStartMs,
      lineEndMs: lineStartMs + WORD_MS,
      damaged,
      utterance: this.#utterance,
      index,
    });
  }
}
