/** A process of its own: the emulated model and voice, and what they saw of every turn. */
import { startAnthropicEmulator } from '../../emulators/anthropic/server.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import { obey, tell, watchLoopLag } from './helper.ts';
import type { AskedReply, SpokenClause } from './messages.ts';
import { lastToken, replyTo, SCRIPT } from './plan.ts';

const KEY = 'bench-key';
/** The server's fixed lines are made at once, so that runs can begin soon. */
const WARM_UP_FACTOR = 10_000;

const lag = watchLoopLag();
const model = await startAnthropicEmulator({
  apiKey: KEY,
  script: { firstTokenMs: SCRIPT.firstTokenMs, tokensPerSecond: SCRIPT.tokensPerSecond },
  reply: (request) => {
    const last = request.messages.findLast((message) => message.role === 'user');
    const said = (last?.content ?? []).map((block) => block.text ?? '').join(' ');
    return replyTo(lastToken(said) ?? { token: 'that', call: 0, turn: 0 });
  },
});
const voice = await startElevenLabsEmulator({
  apiKey: KEY,
  script: { sound: 'tone', firstByteMs: 0, realTimeFactor: WARM_UP_FACTOR },
});
model.log.keeps = false;
voice.log.keeps = false;

/** Requests whose last word has not come, by the emulator's id. */
const running = new Map<string, AskedReply>();
let asked: AskedReply[] = [];
let spoken: SpokenClause[] = [];
let voiceSockets = 0;
/** By connection and context. */
const firstClauses = new Map<string, { textAtMs: number; firstAudioAtMs: number }>();

model.log.watch((entry) => {
  switch (entry.what) {
    case 'request': {
      const token = lastToken(entry.userText)?.token;
      if (token === undefined) return;
      const reply = { token, requestAtMs: entry.atMs, firstTokenAtMs: undefined, tokensSent: 0 };
      running.set(entry.id, reply);
      asked.push(reply);
      return;
    }
    case 'first-token': {
      const reply = running.get(entry.id);
      if (reply) reply.firstTokenAtMs = entry.atMs;
      return;
    }
    case 'token': {
      const reply = running.get(entry.id);
      if (reply) reply.tokensSent += 1;
      return;
    }
    case 'complete':
    case 'aborted':
      running.delete(entry.id);
      return;
    case 'rejected':
    case 'fault':
    case 'reply':
      return;
  }
});
voice.log.watch((entry) => {
  if (entry.what === 'connected') voiceSockets += 1;
  if (entry.what === 'disconnected') voiceSockets -= 1;
  // A context holds one reply; its first clause need not be the one that names the turn.
  if (entry.what === 'context-final') firstClauses.delete(contextOf(entry));
  if (entry.what !== 'generation') return;
  const context = contextOf(entry);
  const { receivedAtMs: textAtMs, firstAudioAtMs, text } = entry;
  const first = firstClauses.get(context) ?? { textAtMs, firstAudioAtMs };
  firstClauses.set(context, first);
  const token = lastToken(text)?.token;
  if (token !== undefined) spoken.push({ token, ...first });
});

function contextOf(entry: { connection: number; contextId: string | undefined }): string {
  return `${entry.connection}/${entry.contextId ?? ''}`;
}

obey({
  'at-script-speed': () => {
    voice.script.firstByteMs = SCRIPT.voiceFirstByteMs;
    voice.script.realTimeFactor = SCRIPT.voiceRealTimeFactor;
  },
  begin: () => {
    asked = [];
    spoken = [];
    lag.reset();
  },
  report: () => tell({ report: 'vendors', asked, spoken, voiceSockets, loopLag: lag.all() }),
});
tell({
  notice: 'ready',
  environment: {
    ANTHROPIC_API_KEY: KEY,
    ANTHROPIC_BASE_URL: model.url,
    ELEVENLABS_API_KEY: KEY,
    ELEVENLABS_VOICE_ID: 'bench-voice',
    ELEVENLABS_BASE_URL: voice.url,
  },
});
