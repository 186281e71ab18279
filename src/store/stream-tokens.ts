/**
 * Gives out stream tokens and takes them back, also while the session store is away: then a token
 * is its own claim, sealed, good on every instance that has the key. That such a token is used once
 * is kept by each instance for itself; the carrier's signature on the upgrade stands besides.
 */
import { createExpiringMap } from './expiring-map.ts';
import type { Sealer } from './sealed-text.ts';
import type { SessionStore, TokenClaim } from './session-store.ts';
import { decodeClaim, encode } from './session-codec.ts';
import { hashToken, newStreamToken, streamTokenTtlMs } from './stream-token.ts';

export type StreamTokens = {
  /** Never rejects. */
  issue(claim: TokenClaim): Promise<string>;
  /**
   * Undefined: unknown, expired, or used.
   * @throws StoreUnavailable for a token that only the store can know, while it is away.
   */
  consume(token: string): Promise<TokenClaim | undefined>;
};

export type StreamTokensOptions = {
  readonly store: Pick<SessionStore, 'issueToken' | 'consumeToken' | 'seenOnce'>;
  /** Undefined: what is given out while the store is away is good on this instance only. */
  readonly sealer: Sealer | undefined;
  /** Wall clock, Unix milliseconds: instances compare it. */
  readonly now?: () => number;
};

const PLACE = { table: 'stream_tokens', row: '', column: 'claim' };
const SEALED = 's.';
const LOCAL = 'l.';
/** Calls that may begin within a token's life. */
const MAX_TOKENS = 10_000;

export function createStreamTokens(options: StreamTokensOptions): StreamTokens {
  const { store, sealer } = options;
  const now = options.now ?? Date.now;
  const local = createExpiringMap<TokenClaim>(() => performance.now(), MAX_TOKENS);
  const used = createExpiringMap<true>(() => performance.now(), MAX_TOKENS);

  const issueWithout = (claim: TokenClaim): string => {
    if (!sealer) {
      const secret = newStreamToken();
      local.set(secret, claim, streamTokenTtlMs);
      return `${LOCAL}${secret}`;
    }
    const endsAtMs = now() + streamTokenTtlMs;
    // The carrier takes parameters of 500 characters: the seal's nonce makes it one of its kind.
    const text = JSON.stringify({ endsAtMs, claim: encode(claim) });
    return `${SEALED}${sealer.seal(PLACE, text).toString('base64url')}`;
  };

  const consumeSealed = async (token: string): Promise<TokenClaim | undefined> => {
    const hash = hashToken(token);
    if (used.get(hash)) return undefined;
    used.set(hash, true, streamTokenTtlMs);
    const opened = open(sealer, token.slice(SEALED.length));
    if (!opened || opened.endsAtMs < now()) return undefined;
    // Where the store is back, also once for all instances.
    const isFirst = await store.seenOnce(`token:${hash}`, streamTokenTtlMs).catch(() => true);
    return isFirst ? decodeClaim(opened.claim) : undefined;
  };

  return {
    issue: async (claim) => {
      const token = newStreamToken();
      try {
        await store.issueToken(token, claim, streamTokenTtlMs);
        return token;
      } catch {
        return issueWithout(claim);
      }
    },
    consume: async (token) => {
      if (token.startsWith(SEALED)) return await consumeSealed(token);
      if (!token.startsWith(LOCAL)) return await store.consumeToken(token);
      const secret = token.slice(LOCAL.length);
      const claim = local.get(secret);
      local.delete(secret);
      return claim;
    },
  };
}

type Opened = { readonly endsAtMs: number; readonly claim: string };

function open(sealer: Sealer | undefined, sealed: string): Opened | undefined {
  try {
    const text = sealer?.open(PLACE, Buffer.from(sealed, 'base64url'));
    // Sealed by us: it has the form that we gave it.
    return text === undefined ? undefined : (JSON.parse(text) as Opened);
  } catch {
    return undefined;
  }
}
