/**
 * Lets media streams in: whose token it is, and whether whoever gave it out still has the call. The
 * stream may come to another process than the one that the carrier asked; then the call comes, too.
 */
import { stranger, withoutPersonalData, type Person } from '../src/companion/person.ts';
import type { TokenClaim } from '../src/store/session-store.ts';
import type { StreamTokens } from '../src/store/stream-tokens.ts';
import type { CallSessions } from './call-sessions.ts';
import type { CallSink, CallStream } from './call-types.ts';
import { FIRST_EPOCH, type Calls } from './calls.ts';

export type AdmissionOptions = {
  readonly calls: Pick<Calls, 'get' | 'endOf' | 'attach'>;
  readonly sessions: Pick<CallSessions, 'takeOver' | 'isStale'>;
  readonly tokens: StreamTokens;
  readonly people: { byId(personId: string): Person | undefined };
};

export type Refusal = { readonly refuse: 1008; readonly reason: string };

const REFUSAL: Refusal = { refuse: 1008, reason: 'the call is over or there is no room' };

export function createAdmission({ calls, sessions, tokens, people }: AdmissionOptions) {
  return {
    /**
     * What a token stands for, with the epoch under which the call is held here now; undefined for a
     * token that is unknown, expired, used or overtaken. Rejects while the store is away.
     */
    async consume(token: string): Promise<TokenClaim | undefined> {
      const claim = await tokens.consume(token);
      if (!claim) return undefined;
      const { callSid, data } = claim;
      const end = calls.endOf(callSid);
      if (calls.get(callSid) || (end !== undefined && end !== 'moved')) return claim;
      const epoch = epochOf(claim);
      if (await sessions.isStale(callSid, epoch)) return undefined;
      const known = people.byId(data['personId'] ?? '') ?? stranger('');
      const taken = await sessions.takeOver({
        callSid,
        direction: data['direction'] === 'outbound' ? 'outbound' : 'inbound',
        person: data['plain'] === 'yes' ? withoutPersonalData(known) : known,
        isSure: true,
        why: 'stream',
        inProgress: true,
        above: epoch,
      });
      if (taken.kind !== 'taken') return claim;
      return { ...claim, data: { ...data, epoch: String(taken.call.identity.epoch) } };
    },

    /** A stream with such a claim. */
    attach(callSid: string, claim: TokenClaim, stream: CallStream): CallSink | Refusal {
      return calls.attach(callSid, stream, epochOf(claim)) ?? REFUSAL;
    },
  };
}

function epochOf({ data }: TokenClaim): number {
  const epoch = Number(data['epoch']);
  return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : FIRST_EPOCH;
}
