/** What the line may say in a call of the matrix, and the script that both sides keep to. */
import type { ScriptedReply } from '../../../emulators/anthropic/brain.ts';
import { APOLOGY } from '../../../adapters/tts/clips.ts';
import { greeting } from '../../../src/companion/greeting.ts';
import { linesFor } from '../../../src/companion/lines.ts';
import { stranger, type Person } from '../../../src/companion/person.ts';
import type { LineId } from '../../../src/conversation/types.ts';
import type { Moment } from './cells.ts';
import type { Phrase } from './evidence.ts';

export const STORY =
  'Well now, there was once a baker in our town. He had a little grey donkey that carried the ' +
  'bread from door to door, and it knew the way better than he did.';

export type Exchange = { readonly say: string; readonly match: RegExp; readonly reply: string };

export const EXCHANGES = {
  story: { say: 'Tell me a story, please.', match: /tell me a story/i, reply: STORY },
  roses: {
    say: 'My roses are out in the garden this week.',
    match: /roses/i,
    reply: 'Oh, how lovely. What colour are the roses?',
  },
  kettle: {
    say: 'Wait, my kettle is boiling in the kitchen.',
    match: /kettle/i,
    reply: 'Then do see to the kettle first. Is it off now?',
  },
  sister: {
    say: 'My sister came for tea on Sunday.',
    match: /sister/i,
    reply: 'That sounds like good company. What did your sister bring?',
  },
  goodbye: {
    say: 'I have to go now. Goodbye, dear.',
    match: /goodbye/i,
    reply: 'It was so good to talk. Goodbye, and take good care.',
  },
} as const satisfies Readonly<Record<string, Exchange>>;

export type ExchangeName = keyof typeof EXCHANGES;

/** The later a caller spoke, the more of their words may be in the request: the newest decides. */
export function scriptedReplies(): ScriptedReply[] {
  return Object.values(EXCHANGES).map(({ match, reply }) => ({ match, reply }));
}

/** The caller of a cell; or one whom no fault strikes, on the same server. */
export type Role = Moment | 'bystander';

const NAMES: Readonly<Record<Role, string>> = {
  before: 'Agnes',
  'first-turn': 'Beatrice',
  'mid-sentence': 'Clara',
  'barge-in': 'Dorothy',
  bystander: 'Eleanor',
};
const PHONES: Readonly<Record<Role, string>> = {
  before: '+15555550151',
  'first-turn': '+15555550152',
  'mid-sentence': '+15555550153',
  'barge-in': '+15555550154',
  bystander: '+15555550155',
};

/** One person for each role, so that calls can be told apart in every log. */
export function personOf(role: Role): Person {
  const name = NAMES[role];
  const who = { ...stranger(PHONES[role]), personId: name.toLowerCase(), name };
  // The briskest voice there is: a minute of matrix saved on every call.
  return { ...who, manner: { ...who.manner, speechSpeed: 1.2 } };
}

const MEANING: Partial<Record<LineId, Phrase['means']>> = {
  filler: 'filler',
  checking: 'filler',
  trouble: 'apology',
  'lost-thread': 'apology',
  'did-not-catch': 'apology',
  'cannot-hear': 'apology',
  'lost-you': 'lost',
  keypad: 'keypad',
  'help-coming': 'keypad',
  goodbye: 'goodbye',
  'idle-goodbye': 'goodbye',
  'time-goodbye': 'goodbye',
  'drain-goodbye': 'goodbye',
};

/** Everything that may be heard in a person's call. */
export function vocabularyFor(person: Person, at: Date): Phrase[] {
  const lines = linesFor(person.language, '');
  const fixed = Object.entries(lines).flatMap(([id, texts]) =>
    texts
      .filter((text) => text !== '')
      .map((text): Phrase => ({ text, means: MEANING[id as LineId] ?? 'other' })),
  );
  const replies = Object.values(EXCHANGES).map(({ reply }): Phrase => ({
    text: reply,
    means: 'reply',
  }));
  const greetings = (['inbound', 'outbound'] as const).flatMap((direction) =>
    [0, 1, 2].map((callNumber): Phrase => ({
      text: greeting({ person, direction, at, callNumber }),
      means: 'greeting',
    })),
  );
  // After a stream was lost, what was asked last is asked once more.
  const questions = [...greetings, ...replies].flatMap(({ text }): Phrase[] => {
    const question = text.split(/(?<=[.!?]) /).at(-1);
    return question === undefined ? [] : [{ text: question, means: 'other' }];
  });
  return [
    ...greetings,
    ...replies,
    ...questions,
    ...fixed,
    { text: APOLOGY[person.language], means: 'other' },
    {
      text: 'I am sorry, the connection is bad today. Please call again a little later. Goodbye.',
      means: 'goodbye',
    },
  ];
}
