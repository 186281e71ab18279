/** Calls that are written down: whole, in order, as heard, and nothing of it in plain. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  expectWholeCall,
  lineOn,
  SECRET_WORDS,
  speakLines,
  stored,
  wholeCall,
  wordsOf,
  type Lines,
} from '../helpers/kept-call.ts';
import { hangUp, MARGARET } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

let postgres: TestPostgres;
let home: string;
let lines: Lines;

beforeAll(async () => {
  [postgres, home, lines] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-durability-')),
    speakLines(),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

async function filesIn(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { recursive: true })) {
    const path = join(dir, entry);
    if ((await stat(path)).isFile()) found.push(path);
  }
  return found;
}

/** The secret words that are there as text, or as the hex digits of text. */
function personalIn(bytes: Buffer): string[] {
  const text = bytes.toString('latin1').toLowerCase();
  return SECRET_WORDS.filter((word) =>
    [word.toLowerCase(), Buffer.from(word).toString('hex')].some((form) => text.includes(form)),
  );
}

async function dumpOf(url: string): Promise<Buffer> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    const parts: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
      parts.push(name, ...rows.map(({ row }) => row));
    }
    return Buffer.from(parts.join('\n'));
  } finally {
    await client.end();
  }
}

describe.concurrent.each(['server', 'embedded'] as const)(
  'a whole call, on the %s database',
  (kind) => {
    test('every turn is there, in order, as it was heard; the alert; the end; nothing in plain', async (context) => {
      const { expect } = context;
      const made = kind === 'server' ? await postgres.createDatabase() : undefined;
      const kept = await lineOn(context, home, made?.url);
      const { line, dataDir } = kept;
      await line.app.durability?.settled;
      const leg = await wholeCall(line, lines);
      await hangUp(line, leg);
      expect(await line.app.durability?.flush(5_000)).toBe(true);
      await line.close();
      // The file is what the operator has written; everything else there is ours.
      await rm(join(dataDir, 'people.json'));
      for (const path of await filesIn(dataDir)) {
        expect(personalIn(await readFile(path)), path).toEqual([]);
      }
      if (made) expect(personalIn(await dumpOf(made.adminUrl))).toEqual([]);
      const { turns, conversation, alerts, person } = await stored(kept, leg.callSid, made?.url);
      expectWholeCall(turns, leg);
      expect(conversation).toMatchObject({ state: 'ended', endReason: 'caller-hung-up' });
      expect(conversation?.seniorId).toBe(person?.person.personId);
      expect(person?.person).toMatchObject({ name: 'Margaret', facts: MARGARET.facts });
      expect(alerts).toMatchObject([{ severity: 'high', seniorId: conversation?.seniorId }]);
      expect(alerts[0]?.alertKey).toMatch(new RegExp(`^${leg.callSid}/`));
      expect(wordsOf(alerts[0]?.evidence ?? '')).toContain('fallen');
    }, 120_000);
  },
);
