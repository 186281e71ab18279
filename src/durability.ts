/**
 * What outlives the process, put together: the store, the records of calls, and who the line knows.
 *
 * It takes writes as soon as it has begun. The database is opened behind the listening server; what
 * is written meanwhile waits in the spool.
 */
import { NO_RECORDS, recordsInto, type CallRecords, type Publish } from '../pipelines/records.ts';
import { DEFAULT_MANNER, stranger } from './companion/person.ts';
import { withMemories } from './companion/remembered.ts';
import type { Config } from './config.ts';
import { jobsIn, type JobParts, lateHooks, serveJobs } from './durable-jobs.ts';
import { StartError } from './errors.ts';
import type { Logger } from './log.ts';
import { within } from './patience.ts';
import { readPeopleFile, type People, type PersonEntry } from './people.ts';
import { DirectoryHeld } from './store/directory-lock.ts';
import type { Kept } from './store/durable-writer.ts';
import type { DurableWrite } from './store/durable-writes.ts';
import type { JobFigures, Jobs } from './store/jobs/job-types.ts';
import {
  createPeopleDirectory,
  type PeopleDirectory,
  type Unreadable,
} from './store/people-directory.ts';
import { SealBroken, type Sealer } from './store/sealed-text.ts';
import { SpoolSealed, type SpoolFigures } from './store/spool-types.ts';
import type { Database, DatabaseFigures } from './store/sql/database.ts';
import { QueryRefused } from './store/sql/database-errors.ts';
import { importPeople, type ImportedPerson } from './store/sql/people-import.ts';
import { beginStore, type Store } from './store/store.ts';
import { isUuid, uuidOf } from './store/uuid.ts';
import { TroubleLog } from './trouble-log.ts';

/** Figures for operators; nothing personal. */
export type DurabilityFigures = {
  readonly database: DatabaseFigures;
  readonly spool: SpoolFigures;
  /** Since the start: writes by where they went. */
  readonly writes: Readonly<Record<Kept, number>>;
  /** A record was lost in the last ten minutes. */
  readonly isRefusing: boolean;
  readonly jobs: JobFigures;
  readonly people: number;
  readonly unreadable: Unreadable;
};

export type Durability = {
  readonly store: Store;
  /** Nobody does them before `serveJobs`, and `jobs.start`. */
  readonly jobs: Jobs;
  serveJobs(parts: JobParts): void;
  /** Of the calls of `instance`: this process, as others know it. */
  recordsOf(instance: string, publish: Publish): CallRecords;
  readonly people: People;
  /** For whoever has changed somebody and wants it known here at once. */
  readonly directory: PeopleDirectory;
  /**
   * Resolves when the database is there and people are known, or when the database is away and the
   * line goes on without it. Rejects with StartError where it can never be opened.
   */
  readonly settled: Promise<void>;
  readonly isSettled: boolean;
  /**
   * Resolves, if ever, when it turns out behind `settled` that the line must not go on: the database
   * has come, and the people in it are sealed under a key that is not here.
   */
  readonly unusable: Promise<StartError>;
  health(): ReturnType<Database['health']>;
  figures(): DurabilityFigures;
  /** @returns whether everything is in the database; what is not is on the disk. */
  flush(timeoutMs: number): Promise<boolean>;
  /** Lets go of everything, within the time; what hangs then is left to the end of the process. */
  close(timeoutMs: number): Promise<void>;
};

/** Whatever the database does, calls are taken after this. */
const READY_ANYWAY_MS = 5_000;
const CLOSE_UNSETTLED_MS = 300;
/** As long as the alert for it looks back. */
const REFUSING_MS = 10 * 60_000;
/** Entries of the file that are imported in one transaction. */
const IMPORT_BATCH = 200;

/** @throws StartError where another process has the data directory; ConfigError for `people.json`. */
export async function openDurability(config: Config, log: Logger): Promise<Durability> {
  const entries = (await readPeopleFile(config.dataDir)).map(withIds);
  const troubles = new TroubleLog(log);
  let refusedAtMs = -Infinity;
  const late: { jobs?: Jobs } = {};
  const { store, opened } = await beginStore({
    databaseUrl: config.databaseUrl,
    dataDir: config.dataDir,
    encryptionKeys: config.encryptionKeys ?? [],
    defaultManner: DEFAULT_MANNER,
    beforeWrites: async (database, sealer, people) => {
      await database.withScope({ kind: 'service' }, (tx) => people.requireKeys(tx));
      await importAll(database, sealer, entries, log);
    },
    hooks: lateHooks(() => late.jobs),
    onProgress: (sentence) => process.stderr.write(`hearthline: ${sentence}\n`),
    onTrouble: (trouble) => {
      if (trouble.kind === 'write-refused') refusedAtMs = performance.now();
      troubles.tell(trouble);
    },
  }).catch((error: unknown) => {
    throw startError(error);
  });
  const jobs = (late.jobs = jobsIn(store, log));
  const writes = { database: 0, spool: 0 };
  const counted = {
    write: async (write: DurableWrite) => {
      const kept = await store.writer.write(write);
      if (kept === 'database' || kept === 'spool') writes[kept] += 1;
      return kept;
    },
  };
  const directory = directoryIn(store, entries, log);
  const unusable = Promise.withResolvers<StartError>();
  const begunAt = performance.now();
  let isSettled = false;
  const settle = async (): Promise<void> => {
    await opened.catch((error: unknown) => {
      throw startError(error);
    });
    await directory.refresh().catch((error: unknown) => {
      // Everybody would be a stranger, and be written down a second time.
      if (isWithoutKey(error)) throw startError(error);
      // A database that is away: what is known from the file has to do for now.
      troubles.peopleUnread();
    });
    directory.follow((error) => unusable.resolve(withoutKey(error)));
    isSettled = true;
  };
  const settled = settle();
  settled.catch(() => undefined);
  return {
    store,
    jobs,
    serveJobs: (parts) => serveJobs(jobs, store, log, parts),
    recordsOf: (instance, publish) => recordsInto(counted, instance, publish),
    directory,
    people: {
      byPhone: (phone) => directory.byPhone(phone) ?? stranger(phone),
      byId: (personId) => directory.byId(personId),
    },
    settled,
    unusable: unusable.promise,
    get isSettled() {
      // A database that says nothing, or is still being made, must not keep calls from being taken.
      return isSettled || performance.now() - begunAt > READY_ANYWAY_MS;
    },
    health: async () => await store.database.health(),
    figures: () => ({
      database: store.database.figures(),
      spool: store.spoolFigures(),
      // Those two also of what had waited in the spool.
      writes: {
        ...writes,
        'set-aside': store.spoolFigures().setAside,
        refused: store.writer.figures().refused,
      },
      isRefusing: performance.now() - refusedAtMs < REFUSING_MS,
      jobs: jobs.figures(),
      people: directory.size,
      unreadable: directory.unreadable,
    }),
    flush: async (timeoutMs) => await store.writer.flush(timeoutMs),
    close: async (timeoutMs) => {
      // One that is still being made has nothing to lose.
      const patientMs = isSettled ? timeoutMs : Math.min(timeoutMs, CLOSE_UNSETTLED_MS);
      const stopped = jobs.stop(patientMs).then(() => store.close());
      await within(patientMs, Promise.allSettled([directory.close(), stopped]));
    },
  };
}

export { NO_RECORDS };

function directoryIn(
  { database, people }: Store,
  entries: readonly ImportedPerson[],
  log: Logger,
): PeopleDirectory {
  return createPeopleDirectory({
    database,
    people,
    initial: entries.map(({ person }) => person),
    personOf: ({ person, memories }) => withMemories(person, memories, Date.now()),
    onUnreadable: (unreadable) => {
      const counts = { peopleCount: unreadable.people, memoryCount: unreadable.memories };
      if (unreadable.people + unreadable.memories === 0) {
        log.info('all that is kept of people can be opened', counts);
      } else log.error('not all that is kept of people can be opened', counts);
    },
  });
}

async function importAll(
  database: Pick<Database, 'withScope'>,
  sealer: Sealer,
  entries: readonly ImportedPerson[],
  log: Logger,
): Promise<void> {
  for (let at = 0; at < entries.length; at += IMPORT_BATCH) {
    const batch = entries.slice(at, at + IMPORT_BATCH);
    const { refused } = await database.withScope({ kind: 'service' }, (tx) =>
      importPeople(tx, sealer, batch),
    );
    for (const personId of refused) {
      log.error('somebody else has this telephone number: not imported', { personId });
    }
  }
}

/** The same ids each time, so that importing an entry again finds whom it made. */
function withIds({ person, family }: PersonEntry): ImportedPerson {
  const { personId } = person;
  const id = isUuid(personId) ? personId : uuidOf('people.json person', personId);
  return {
    person: { ...person, personId: id },
    family: { id: uuidOf('people.json family', family), name: family },
  };
}

/** What the file system says of a place that cannot be had. */
const UNWRITABLE = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOSPC']);

/** Spoilt bytes are another matter: one row that cannot be read must not keep a line from starting. */
function isWithoutKey(error: unknown): boolean {
  return error instanceof SealBroken && error.reason === 'unknown-key';
}

function withoutKey(error: unknown): StartError {
  return new StartError('ENCRYPTION_KEY lacks a key that the database was written under', error);
}

function startError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StartError) return error;
  if (isWithoutKey(error)) return withoutKey(error);
  if (error instanceof SpoolSealed) {
    return new StartError(
      'ENCRYPTION_KEY lacks a key that records in DATA_DIR/spool were written under',
      error,
    );
  }
  if (error instanceof DirectoryHeld) return new StartError(error.message, error);
  if (error instanceof QueryRefused) {
    const why = `refused (${error.code}): its user needs CREATEROLE once and CREATE on its schema`;
    return new StartError(`the database could not be opened: ${why}`, error);
  }
  if ('code' in error && UNWRITABLE.has(String(error.code)) && 'path' in error) {
    return new StartError(`DATA_DIR cannot be written to: ${error.message}`, error);
  }
  return new StartError(`the database could not be opened: ${error.message}`, error);
}
