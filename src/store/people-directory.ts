/**
 * Everybody the line knows, in memory, so that a ring never waits for SQL and a call from a known
 * person is theirs also while the database is away. It follows the database by asking every few
 * seconds what has changed, and reads only that.
 */
import { setImmediate as yieldToCalls, setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../companion/person.ts';
import type { Database } from './sql/database.ts';
import { SealBroken } from './sealed-text.ts';
import type { PeopleStore, PersonSnapshot } from './sql/people.ts';

export type PeopleDirectory = {
  /** E.164. Undefined: nobody. */
  byPhone(phone: string): Person | undefined;
  byId(seniorId: string): Person | undefined;
  readonly size: number;
  /** Whether it has been read from the database since the start. */
  readonly isLoaded: boolean;
  /**
   * This person is not to be called any more, from now on: they have just said so, and the database
   * may be slower to know it.
   */
  withdraw(seniorId: string): void;
  readonly unreadable: Unreadable;
  /**
   * Reads what has changed. Of somebody who cannot be opened it keeps what it had.
   * @throws DatabaseUnavailable, and keeps what it had; SealBroken where the key is missing and
   *   nobody was read since the start.
   */
  refresh(): Promise<void>;
  /** Begins to follow the database. Tells `onWithoutKey` where nothing can be read before its end. */
  follow(onWithoutKey?: (error: SealBroken) => void): void;
  /** Resolves when nothing of it is under way any more. */
  close(): Promise<void>;
};

/** What is in the database and cannot be opened: spoilt, or (people) under a key that is not here. */
export type Unreadable = { readonly people: number; readonly memories: number };

export type PeopleDirectoryOptions = {
  readonly database: Pick<Database, 'withScope'>;
  readonly people: Pick<PeopleStore, 'versions' | 'byIds'>;
  /** Known before anything was read. */
  readonly initial: readonly Person[];
  /** What calls are given to know. */
  readonly personOf?: (snapshot: PersonSnapshot) => Person;
  /** There is other, or more, or less of it than before. */
  readonly onUnreadable?: (unreadable: Unreadable) => void;
  readonly everyMs?: number;
};

/** A change made elsewhere is known here after this at the latest, if the database answers. */
const EVERY_MS = 10_000;
/** While nothing has been read since the start. */
const UNREAD_EVERY_MS = 2_000;
/** Opening what is sealed about so many takes some milliseconds; then calls have their turn. */
const BATCH = 50;

type Known = {
  readonly version: string | undefined;
  readonly person: Person;
  readonly spoiltMemories: number;
};

export function createPeopleDirectory(options: PeopleDirectoryOptions): PeopleDirectory {
  return new FollowingDirectory(options);
}

class FollowingDirectory implements PeopleDirectory {
  readonly #options: PeopleDirectoryOptions;
  readonly #byId = new Map<string, Known>();
  readonly #byPhone = new Map<string, string>();
  /** Versions of those who could not be opened, by id: not tried again before they change. */
  readonly #unreadable = new Map<string, string>();
  #told: Unreadable = { people: 0, memories: 0 };
  readonly #closed = new AbortController();
  #refreshing: Promise<void> | undefined;
  #following: Promise<void> | undefined;
  #isLoaded = false;

  constructor(options: PeopleDirectoryOptions) {
    this.#options = options;
    for (const person of options.initial) this.#put(person, undefined);
  }

  get size(): number {
    return this.#byId.size;
  }

  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  byPhone(phone: string): Person | undefined {
    const id = this.#byPhone.get(phone);
    return id === undefined ? undefined : this.byId(id);
  }

  byId(seniorId: string): Person | undefined {
    return this.#byId.get(seniorId)?.person;
  }

  get unreadable(): Unreadable {
    return this.#told;
  }

  withdraw(seniorId: string): void {
    const known = this.#byId.get(seniorId);
    if (known === undefined) return;
    const { person, version, spoiltMemories } = known;
    this.#put({ ...person, active: false }, version, spoiltMemories);
  }

  async refresh(): Promise<void> {
    // What a caller knows of may have been written after the one under way has looked.
    await this.#refreshing?.catch(() => undefined);
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  follow(onWithoutKey: (error: SealBroken) => void = () => undefined): void {
    this.#following ??= this.#follow(onWithoutKey);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#following;
    await this.#refreshing?.catch(() => undefined);
  }

  async #follow(onWithoutKey: (error: SealBroken) => void): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const everyMs = this.#options.everyMs ?? EVERY_MS;
      const waitMs = this.#isLoaded ? everyMs : Math.min(everyMs, UNREAD_EVERY_MS);
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.refresh();
      } catch (error) {
        if (error instanceof SealBroken) return onWithoutKey(error);
        // While the database is away what is known stays, and the next look comes anyway.
      }
    }
  }

  async #read(): Promise<void> {
    const { database, people, personOf = personIn } = this.#options;
    const versions = await database.withScope({ kind: 'service' }, (tx) => people.versions(tx));
    const there = new Map(versions.map(({ id, version }) => [id, version]));
    for (const id of [...this.#byId.keys()]) if (!there.has(id)) this.#remove(id);
    for (const id of [...this.#unreadable.keys()]) if (!there.has(id)) this.#unreadable.delete(id);
    const changed = versions.filter(
      ({ id, version }) =>
        this.#byId.get(id)?.version !== version && this.#unreadable.get(id) !== version,
    );
    for (let at = 0; at < changed.length && !this.#closed.signal.aborted; at += BATCH) {
      const ids = changed.slice(at, at + BATCH).map(({ id }) => id);
      const { found, unreadable } = await database.withScope({ kind: 'service' }, (tx) =>
        people.byIds(tx, ids),
      );
      for (const { id, why } of unreadable) {
        if (why.reason === 'unknown-key' && !this.#isLoaded) throw why;
        this.#unreadable.set(id, there.get(id) ?? '');
      }
      for (const snapshot of found) {
        const { personId } = snapshot.person;
        this.#unreadable.delete(personId);
        this.#put(personOf(snapshot), there.get(personId), snapshot.spoiltMemories);
      }
      await yieldToCalls();
    }
    this.#isLoaded = true;
    this.#tell();
  }

  #tell(): void {
    const people = this.#unreadable.size;
    let memories = 0;
    for (const { spoiltMemories } of this.#byId.values()) memories += spoiltMemories;
    if (people === this.#told.people && memories === this.#told.memories) return;
    this.#told = { people, memories };
    this.#options.onUnreadable?.(this.#told);
  }

  #put(person: Person, version: string | undefined, spoiltMemories = 0): void {
    this.#remove(person.personId);
    this.#byId.set(person.personId, { version, person, spoiltMemories });
    this.#byPhone.set(person.phone, person.personId);
  }

  #remove(id: string): void {
    const known = this.#byId.get(id);
    if (known === undefined) return;
    this.#byId.delete(id);
    if (this.#byPhone.get(known.person.phone) === id) this.#byPhone.delete(known.person.phone);
  }
}

function personIn({ person }: PersonSnapshot): Person {
  return person;
}
