/** The call as a text: who said what, what of it was heard, what was cut, what happened between. */
import type { PlayedWord } from '../emulators/twilio/types.ts';
import type { Audit } from './audit.ts';
import { replyOf, type ModelReply } from './audit/replies.ts';
import { wordsOf } from './audit/words.ts';
import type { Run } from './run.ts';

/** Times are milliseconds since the call was answered. */
export type Entry =
  | {
      readonly who: 'caller';
      readonly atMs: number;
      readonly endMs: number;
      readonly kind: 'turn' | 'backchannel' | 'interruption';
      readonly text: string;
    }
  | {
      readonly who: 'companion';
      readonly atMs: number;
      readonly endMs: number;
      /** What was heard. */
      readonly text: string;
      /** What was written and never heard, because it was interrupted. */
      readonly cut: string;
    }
  | {
      readonly who: 'event';
      readonly atMs: number;
      readonly what: EventName;
      readonly text: string;
    };

export type EventName = 'barge-in' | 'eager-end' | 'resumed' | 'nod' | 'alert' | 'ending' | 'beep';

export type Transcript = {
  readonly scenario: string;
  readonly title: string;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly entries: readonly Entry[];
};

/** Words of fixed lines that are further apart than this belong to different lines. */
const LINE_GAP_MS = 1_200;

export function buildTranscript(run: Run, audit: Audit): Transcript {
  const { evidence, scenario } = run;
  const lineMs = (atMs: number): number => Math.round(atMs - evidence.answeredAtMs);
  const caller = evidence.lines.map((line): Entry => {
    const { firstFrameAtMs, lastSpeechFrameAtMs } = line.result;
    const { kind, text } = line;
    const atMs = lineMs(firstFrameAtMs);
    return { who: 'caller', atMs, endMs: lineMs(lastSpeechFrameAtMs), kind, text };
  });
  const companion = groupWords(evidence.heard, audit.replies).map(({ words, reply }): Entry => {
    const interrupted = audit.interruptions.some((each) => each.reply === reply && reply);
    return {
      who: 'companion',
      atMs: words[0]?.lineStartMs ?? 0,
      endMs: words.at(-1)?.lineEndMs ?? 0,
      text: words.map((word) => word.text).join(' '),
      cut: interrupted && reply ? unheardPart(reply) : '',
    };
  });
  const entries = [...caller, ...companion, ...eventEntries(run, lineMs)];
  return {
    scenario: scenario.name,
    title: scenario.title,
    startedAt: run.startedAt.toISOString(),
    durationMs: lineMs(evidence.end?.atMs ?? evidence.answeredAtMs),
    entries: entries.toSorted((a, b) => a.atMs - b.atMs),
  };
}

type Group = { readonly reply: ModelReply | undefined; readonly words: PlayedWord[] };

function groupWords(heard: readonly PlayedWord[], replies: readonly ModelReply[]): Group[] {
  const groups: Group[] = [];
  for (const word of heard) {
    const reply = replyOf(replies, word);
    const last = groups.at(-1);
    const gapMs = word.lineStartMs - (last?.words.at(-1)?.lineEndMs ?? -Infinity);
    if (last && last.reply === reply && (reply !== undefined || gapMs < LINE_GAP_MS)) {
      last.words.push(word);
    } else groups.push({ reply, words: [word] });
  }
  return groups;
}

/** What is left of a reply's text behind the words of it that were heard. */
export function unheardPart(reply: ModelReply): string {
  let heard = reply.heard.flatMap((word) => wordsOf(word.text)).length;
  const rest = reply.text.split(/\s+/).filter((piece) => {
    if (heard <= 0) return true;
    heard -= wordsOf(piece).length;
    return false;
  });
  return rest.join(' ');
}

function eventEntries(run: Run, lineMs: (atMs: number) => number): Entry[] {
  const { evidence } = run;
  const event = (atMs: number, what: EventName, text: string): Entry => ({
    who: 'event',
    atMs: lineMs(atMs),
    what,
    text,
  });
  const clears = evidence.clears
    .filter((clear) => clear.reason === 'clear' && clear.flushedBytes > 0)
    .map((clear) => {
      const cut = clear.cutWord ? ` in the middle of “${clear.cutWord.text}”` : '';
      return event(clear.atMs, 'barge-in', `the companion stops${cut}`);
    });
  const beep =
    evidence.beepEndedAtMs === undefined ? [] : [event(evidence.beepEndedAtMs, 'beep', 'the beep')];
  const told = evidence.events.flatMap((each): Entry[] => {
    switch (each.what) {
      case 'heard':
        if (each.state === 'eager-end') {
          return [event(each.atMs, 'eager-end', 'an answer is drafted in case this was the end')];
        }
        return each.state === 'resumed'
          ? [event(each.atMs, 'resumed', 'the caller goes on: the draft is dropped')]
          : [];
      case 'caller-said':
        return each.backchannel
          ? [event(each.atMs, 'nod', `“${each.text}” was a nod: the companion talks on`)]
          : [];
      case 'alert-raised':
        return [
          event(
            each.atMs,
            'alert',
            `alert (${each.category}, ${each.severity}): “${each.evidence}”`,
          ),
        ];
      case 'ending':
        return [event(each.atMs, 'ending', `the call is coming to its end: ${each.reason}`)];
      default:
        return [];
    }
  });
  return [...clears, ...beep, ...told];
}

/** The transcript for people. */
export function transcriptMarkdown(transcript: Transcript, names: Names): string {
  const lines = transcript.entries.map((entry) => {
    const at = `\`${clock(entry.atMs)}\``;
    if (entry.who === 'event') return `${at} *${entry.text}*`;
    if (entry.who === 'caller') return `${at} **${names.caller}:** ${entry.text}`;
    const cut = entry.cut === '' ? '' : ` ~~${entry.cut}~~`;
    return `${at} **${names.companion}:** ${entry.text}${cut}`;
  });
  return [
    `# ${transcript.title}`,
    '',
    `${transcript.startedAt}, ${clock(transcript.durationMs)} long. ~~Struck~~ words were written and never heard.`,
    '',
    lines.join('\n\n'),
    '',
  ].join('\n');
}

export type Names = { readonly caller: string; readonly companion: string };

/** `m:ss.t` */
export function clock(ms: number): string {
  const tenths = Math.max(0, Math.round(ms / 100));
  const seconds = Math.floor(tenths / 10) % 60;
  return `${Math.floor(tenths / 600)}:${String(seconds).padStart(2, '0')}.${tenths % 10}`;
}
