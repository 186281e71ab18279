/** One call as every durability test has it, and what must be in the database of it afterwards. */
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type TestContext } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import type { TurnRecord } from '../../src/store/sql/conversation-types.ts';
import { openStore } from '../../src/store/store.ts';
import {
  greeted,
  MARGARET,
  startLine,
  type LineOptions,
  type LineUnderTest,
} from './line-under-test.ts';

const STORY =
  'Well now, there was once a baker in our town. He had a little grey donkey that carried the bread from door to door, and everybody knew it.';
const REPLIES = [
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' },
  { match: /tell me a story/i, reply: STORY },
  { match: /something else/i, reply: 'Of course. What is on your mind?' },
  { match: /fallen/i, reply: 'I am so sorry. Are you hurt?' },
];
/** What must be nowhere in plain. */
export const SECRET_WORDS = [
  'roses',
  'donkey',
  'fallen',
  'Margaret',
  'daughter',
  MARGARET.phone.slice(1),
];

export type Lines = Readonly<Record<'roses' | 'story' | 'stop' | 'fallen', Utterance>>;

export async function speakLines(): Promise<Lines> {
  const [roses, story, stop, fallen] = await Promise.all(
    [
      'My roses are out.',
      'Tell me a story, please.',
      'Wait, let us talk about something else.',
      'I have fallen and I cannot get up.',
    ].map(async (say) => buildUtterance([{ say, finality: 'complete' }])),
  );
  if (!roses || !story || !stop || !fallen) throw new Error('four lines make four utterances');
  return { roses, story, stop, fallen };
}

/** A line with a real store, and what is needed to look into that afterwards. */
export type Kept = { readonly line: LineUnderTest; readonly dataDir: string; readonly key: Buffer };

export async function lineOn(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  home: string,
  databaseUrl: string | undefined,
  options: Partial<LineOptions> = {},
): Promise<Kept> {
  const dataDir = await mkdtemp(join(home, 'data-'));
  const key = randomBytes(32);
  const env = {
    ENCRYPTION_KEY: key.toString('hex'),
    ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
  };
  const line = await startLine({ keepsIn: dataDir, env, replies: REPLIES, ...options });
  onTestFinished(async () => line.close());
  return { line, dataDir, key };
}

/** Says something and waits until the answer has begun. */
export async function sayAndHear(leg: CallerLeg, words: Utterance, answer: RegExp): Promise<void> {
  const fromWord = leg.playout.heardWords().length;
  await leg.say(words);
  await leg.waitForWords(answer, { fromWord });
}

/** A call with a question and an answer, an interruption, and a cry for help. */
export async function wholeCall(line: LineUnderTest, lines: Lines): Promise<CallerLeg> {
  const leg = await line.dial();
  await greeted(leg);
  await sayAndHear(leg, lines.roses, /the roses\?/);
  await leg.waitForSilence();
  await sayAndHear(leg, lines.story, /grey donkey/);
  await sayAndHear(leg, lines.stop, /on your mind\?/);
  await leg.waitForSilence();
  await sayAndHear(leg, lines.fallen, /Are you hurt\?/);
  await leg.waitForSilence();
  return leg;
}

/** What the database holds, read by a store of its own: nobody else may have `dataDir`. */
export async function stored(
  kept: Pick<Kept, 'dataDir' | 'key'>,
  callSid: string,
  databaseUrl: string | undefined,
) {
  const store = await openStore({
    databaseUrl,
    dataDir: kept.dataDir,
    encryptionKeys: [kept.key],
    defaultManner: DEFAULT_MANNER,
  });
  try {
    return await store.database.withScope({ kind: 'service' }, async (tx) => ({
      turns: await store.conversations.turnsOf(tx, callSid),
      conversation: await store.conversations.byCallSid(tx, callSid),
      alerts: await store.alerts.open(tx),
      person: await store.people.byPhone(tx, MARGARET.phone),
    }));
  } finally {
    await store.close();
  }
}

/** Without case and marks: what ears agree on. */
export const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z' ]/g, '')
    .split(' ')
    .filter((word) => word !== '');

/** Turn by turn, the caller's ear has it word for word; only where it was cut off it may be one off. */
function expectHeard(turns: readonly TurnRecord[], leg: CallerLeg): void {
  const heard = wordsOf(leg.playout.heardText());
  let at = 0;
  for (const turn of turns) {
    if (turn.speaker !== 'companion') continue;
    const words = wordsOf(turn.heard);
    const next = turns.find(
      (other) => other.speaker === 'companion' && turns.indexOf(other) > turns.indexOf(turn),
    );
    const nextWord = next === undefined ? undefined : wordsOf(next.heard)[0];
    const sure = turn.interrupted ? words.slice(0, -1) : words;
    expect(heard.slice(at, at + sure.length)).toEqual(sure);
    at += sure.length;
    if (!turn.interrupted) continue;
    const rest = heard.slice(at, at + 3);
    const end = nextWord === undefined ? rest.length : rest.indexOf(nextWord);
    expect(end, `the ear went on with '${rest.join(' ')}'`).toBeGreaterThanOrEqual(0);
    at += end;
  }
  expect(heard.slice(at)).toEqual([]);
}

export function expectWholeCall(turns: readonly TurnRecord[], leg: CallerLeg): void {
  // Where the machine is busy, a filler comes before an answer.
  const speakers = turns.map(({ speaker }) => speaker);
  const changes = speakers.filter((speaker, i) => speaker !== speakers[i - 1]);
  expect(changes).toEqual([
    'companion',
    ...['caller', 'companion', 'caller', 'companion', 'caller', 'companion', 'caller', 'companion'],
  ]);
  const said = turns.filter(({ speaker }) => speaker === 'caller');
  expect(said.map(({ heard }) => wordsOf(heard).join(' '))).toEqual([
    'my roses are out',
    'tell me a story please',
    'wait let us talk about something else',
    'i have fallen and i cannot get up',
  ]);
  expectHeard(turns, leg);
  const cut = turns.find(({ interrupted }) => interrupted);
  expect(cut?.spoken).toBe(STORY);
  expect(STORY.startsWith(cut?.heard ?? '?')).toBe(true);
  const answer = turns.find(({ heard }) => heard.includes('the roses?'));
  expect(answer?.answers).toBe(said[0]?.turnKey);
  // A draft that was ready is heard at once.
  expect(answer?.timings['firstAudioMs']).toBeGreaterThanOrEqual(0);
  expect(answer?.timings['firstTokenMs']).toBeGreaterThan(0);
  expect(said[0]?.timings['speechMs']).toBeGreaterThan(0);
}
