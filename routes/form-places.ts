/**
 * Forms that are on their way and that nobody has verified yet: how long one may take, and how many a
 * sender may have at once.
 *
 * A sender who has too many loses the oldest, and not the newest: forgers may share an address with
 * Twilio, whose forms arrive whole with their headers and are never the oldest for long.
 */

/** 'late': it was not whole in time. 'ousted': its sender has begun too many others since. */
export type PlaceLost = 'late' | 'ousted';

export type FormPlaces = {
  /**
   * A place for a form. `onLost` is called once at most.
   * @returns what gives the place back; it says false where the place had been lost.
   */
  take(sender: string, onLost: (why: PlaceLost) => void): () => boolean;
};

/** As many as media sockets of one address may wait for their token. */
const MAX_OF_SENDER = 64;
/** Twilio's forms are one or two packets, sent at once; this leaves time to send one again twice. */
const WITHIN_MS = 3_000;

/** What it remembers is bounded by how many connections are open. */
export function createFormPlaces(): FormPlaces {
  /** By sender, oldest first: what takes a place away. */
  const taken = new Map<string, Set<(why: PlaceLost) => void>>();

  const take: FormPlaces['take'] = (sender, onLost) => {
    const held = taken.get(sender) ?? new Set<(why: PlaceLost) => void>();
    const release = (): boolean => {
      clearTimeout(timer);
      const wasHeld = held.delete(lose);
      if (held.size === 0 && taken.get(sender) === held) taken.delete(sender);
      return wasHeld;
    };
    const lose = (why: PlaceLost): void => {
      if (release()) onLost(why);
    };
    // What came while we were held up is read before anything is called late.
    const timer = setTimeout(() => setImmediate(() => lose('late')), WITHIN_MS);
    timer.unref();
    const [oldest] = held;
    if (held.size >= MAX_OF_SENDER) oldest?.('ousted');
    held.add(lose);
    taken.set(sender, held);
    return release;
  };
  return { take };
}
