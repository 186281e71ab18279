/** A store, its jobs and models on paper, for the work after calls that are on file. */
import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, type TestContext } from 'vitest';
import type { LlmEvent, LlmVendor } from '../../adapters/llm/port.ts';
import { afterCallHandlers } from '../../pipelines/after-call/steps.ts';
import type { AfterCall, AfterCallEvent } from '../../pipelines/after-call/types.ts';
import type { PlaceCallResult } from '../../pipelines/calls.ts';
import { LEXICAL_EMBEDDER } from '../../src/companion/lexical-embedding.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { lateHooks } from '../../src/durable-jobs.ts';
import { VendorError } from '../../src/errors.ts';
import type { DurableWrite } from '../../src/store/durable-writes.ts';
import { JOB_NAMES, type Jobs } from '../../src/store/jobs/job-types.ts';
import { createJobs } from '../../src/store/jobs/jobs.ts';
import { analysesIn } from '../../src/store/sql/analyses.ts';
import { memoriesIn } from '../../src/store/sql/memories.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { uuidv7 } from '../../src/store/uuid.ts';

const service = { kind: 'service' } as const;

/** Two caregivers, the second one first in rank. @returns their ids in the order of their rank. */
export async function addCaregivers(tx: ScopedTransaction, familyId: string, seniorId: string) {
  const ids = [uuidv7(), uuidv7()];
  for (const [index, id] of ids.entries()) {
    await tx
      .insertInto('caregivers')
      .values({
        id,
        family_id: familyId,
        name_sealed: randomBytes(40),
        phone_sealed: index === 0 ? null : randomBytes(40),
        email_sealed: randomBytes(40),
        time_zone: 'Europe/Berlin',
        notify: JSON.stringify({ channel: 'sms' }),
      })
      .execute();
    await tx
      .insertInto('care_links')
      .values({
        id: uuidv7(),
        family_id: familyId,
        senior_id: seniorId,
        caregiver_id: id,
        contact_rank: index === 0 ? 2 : 1,
      })
      .execute();
  }
  return ids.toReversed();
}

export const isIdle = async (jobs: Jobs): Promise<boolean> =>
  Object.values(await jobs.depths()).every((each) => each.ready + each.active === 0);
/** A model of ours that answers what the test says; undefined: it is down. */
export function scripted(vendor: 'claude' | 'gemini', answer: () => string | undefined): LlmVendor {
  return {
    vendor,
    async *stream(): AsyncIterable<LlmEvent> {
      const text = answer();
      if (text === undefined) throw new VendorError(vendor, 'overloaded');
      yield { kind: 'text', text };
      const usage = { inputTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 1 };
      yield { kind: 'done', stop: 'end', usage };
    },
  };
}

export const MEMORIES = JSON.stringify({
  memories: [
    {
      kind: 'relationship',
      text: 'Her sister is called Ruth.',
      importance: 70,
      quote: 'my sister Ruth',
    },
    {
      kind: 'event',
      text: 'The dentist is due.',
      importance: 60,
      quote: 'the dentist on Friday',
      date: '2026-11-27',
    },
    { kind: 'fact', text: 'She has won a car.', importance: 90, quote: 'I have won a car' },
    { kind: 'fact', text: 'Her card number is 4111 1111 1111 1111.', quote: 'my sister Ruth' },
  ],
});
export const ANALYSIS = JSON.stringify({
  summary: 'They talked about Ruth.',
  sentiment: 'positive',
  topics: ['family'],
  engagement: 14,
  mood: 'cheerful',
  caregiverMessage: 'x'.repeat(400),
  concerns: [
    { type: 'health', severity: 'high', description: 'd', quote: 'my knee gave way', action: 'a' },
    { type: 'scam', severity: 'high', description: 'd', quote: 'nobody said this', action: 'a' },
  ],
  callQuality: 'good',
});

export type World = {
  readonly store: Store;
  readonly jobs: Jobs;
  readonly seniorId: string;
  readonly familyId: string;
  readonly told: AfterCallEvent[];
  readonly placed: string[];
  readonly memories: AfterCall['memories'];
  write(...writes: DurableWrite[]): Promise<void>;
};

export async function openWorld(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  at: { readonly databaseUrl: string; readonly home: string },
  models: readonly LlmVendor[],
  place: () => PlaceCallResult = () => ({ callSid: 'CA-placed' }),
): Promise<World> {
  const late: { jobs?: Jobs } = {};
  const store = await openStore({
    databaseUrl: at.databaseUrl,
    dataDir: await mkdtemp(join(at.home, 'world-')),
    encryptionKeys: [randomBytes(32)],
    defaultManner: DEFAULT_MANNER,
    hooks: lateHooks(() => late.jobs),
  });
  const quick = { retryDelaySeconds: 0, retryDelayMaxSeconds: 1, retries: 2 };
  const jobs = createJobs({
    database: store.database,
    instance: 'test',
    pollMs: 50,
    policies: { memories: quick, analysis: quick, 'call-back': quick },
  });
  late.jobs = jobs;
  const told: AfterCallEvent[] = [];
  const placed: string[] = [];
  const memories = memoriesIn(store.sealer, LEXICAL_EMBEDDER);
  const { database, conversations, alerts, people } = store;
  const handlers = afterCallHandlers({
    ...{ database, conversations, alerts, people, jobs, memories, models },
    analyses: analysesIn(store.sealer),
    place: async (person) => {
      placed.push(person.personId);
      return place();
    },
    mayPlace: () => true,
    tell: (event) => void told.push(event),
  });
  for (const name of JOB_NAMES) if (handlers[name]) jobs.work(name, handlers[name]);
  onTestFinished(async () => {
    await jobs.stop(1_000);
    await store.close();
  });
  await jobs.start();
  const familyId = uuidv7();
  const seniorId = await database.withScope(service, async (tx) => {
    await tx
      .insertInto('families')
      .values({ id: familyId, name_sealed: randomBytes(40) })
      .execute();
    return await people.add(tx, {
      familyId,
      status: 'active',
      name: 'Erna',
      phone: '+4930123456',
      language: 'en',
      timeZone: 'Europe/Berlin',
      profile: { facts: [], people: [], followUps: [] },
      manner: {},
    });
  });
  const write = async (...writes: DurableWrite[]): Promise<void> => {
    for (const each of writes) expect(await store.writer.write(each)).toBe('database');
  };
  return { store, jobs, seniorId, familyId, told, placed, memories, write };
}

/** What is due later is due now. */
export async function hurry({ store }: World): Promise<void> {
  await store.database.jobQueue.executeSql(
    `update pgboss.job set start_after = now() where state < 'active'`,
  );
}

export function writesOf(callSid: string, seniorId: string | undefined, said: readonly string[]) {
  const call = { callSid, seniorId, direction: 'inbound', startedAtMs: 1_795_000_000_000 } as const;
  const turns = said.map((heard, n): DurableWrite => ({
    kind: 'turn',
    call,
    turn: {
      speaker: n % 2 === 0 ? 'caller' : 'companion',
      turnKey: `t-${n}`,
      revision: 0,
      kind: 'turn',
      answers: undefined,
      heard,
      spoken: undefined,
      interrupted: false,
      happenedAtMs: call.startedAtMs + n,
      timings: {},
    },
  }));
  const endedAtMs = call.startedAtMs + 60_000;
  const ended = { kind: 'conversation-ended', call, endedAtMs, reason: 'goodbye' } as const;
  return { call, turns, ended };
}

export const SAID = [
  'Well, my sister Ruth rang, and I have the dentist on Friday.',
  'How nice. I have won a car.',
  'And my knee gave way, but only a little.',
];
