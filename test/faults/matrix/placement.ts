/** A call that the server is to make while the carrier's API is broken, and what it is held to. */
import { VendorError } from '../../../src/errors.ts';
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import type { MatrixFault } from './cells.ts';
import { personOf } from './phrases.ts';
import type { World } from './world.ts';

export type PlacementEvidence = {
  /** What `place` came to. `broke`: with no failure of the carrier's. */
  readonly outcome:
    | { readonly how: 'placed'; readonly callSid: string }
    | { readonly how: 'refused' | 'broke'; readonly why: string };
  readonly tookMs: number;
  /** Requests to dial that reached the carrier. */
  readonly requests: number;
  /** Calls for which the person's phone rang, by the carrier. */
  readonly rang: readonly string[];
  /** Calls that anybody else's phone rang for. */
  readonly rangElsewhere: number;
};

/** The SDK's limit for one request is 10 s. */
const PLACED_WITHIN_MS = 10_500;

/** Faults of the answer alone: the carrier has dialled all the same. */
const OBEYED: ReadonlySet<MatrixFault> = new Set<MatrixFault>([
  'slow',
  'trickle',
  'garbage',
  'wrong-shape',
  'cut',
  'duplicate',
  'empty',
  'oversize',
]);
/** Those whose answer can be read all the same. */
const READABLE: ReadonlySet<MatrixFault> = new Set<MatrixFault>(['slow', 'duplicate']);

/** Broken promises of dialling itself; what was heard in the call is judged as in any other. */
export function auditPlacement(fault: MatrixFault, evidence: PlacementEvidence): string[] {
  const { outcome, tookMs, requests, rang, rangElsewhere } = evidence;
  const findings: string[] = [];
  if (tookMs > PLACED_WITHIN_MS) {
    findings.push(`placing a call came to an end only after ${Math.round(tookMs)} ms`);
  }
  if (requests > 1) findings.push(`the carrier was asked ${requests} times to dial`);
  const expected = Number(OBEYED.has(fault));
  if (rang.length !== expected) findings.push(`${rang.length} phones rang, and not ${expected}`);
  if (rangElsewhere > 0) findings.push(`${rangElsewhere} phones of others rang`);
  if (READABLE.has(fault)) {
    if (outcome.how !== 'placed') findings.push(`the call was not placed: ${outcome.why}`);
    else if (!rang.includes(outcome.callSid)) findings.push('another call was placed than rang');
  } else if (outcome.how !== 'refused') {
    const what = outcome.how === 'placed' ? 'was said to be placed' : `broke: ${outcome.why}`;
    findings.push(`the call ${what}`);
  }
  return findings;
}

/** Dials the person of the cells before the call, who answers; resolves when `place` has settled. */
export async function placeCall(
  world: World,
): Promise<{ evidence: PlacementEvidence; legs: readonly CallerLeg[] }> {
  const { twilio } = world.emulators;
  const person = personOf('before');
  twilio.onOutboundCall(async (leg) => await leg.answer({ afterMs: ANSWERED_AFTER_MS }));
  const beganAt = performance.now();
  const outcome = await world.app.calls.place(person).then(
    (result): PlacementEvidence['outcome'] =>
      'callSid' in result
        ? { how: 'placed', callSid: result.callSid }
        : { how: 'broke', why: result.refused },
    (error: unknown): PlacementEvidence['outcome'] => ({
      how: error instanceof VendorError ? 'refused' : 'broke',
      why: String(error),
    }),
  );
  const tookMs = performance.now() - beganAt;
  // The carrier makes a call as it obeys the request: none is made after the answer.
  const dialled = twilio.calls().filter(({ direction }) => direction === 'outbound-api');
  const legs = dialled.filter(({ to }) => to === person.phone);
  const requests = twilio.log
    .all('rest')
    .filter(({ method, path }) => method === 'POST' && path.endsWith('/Calls.json')).length;
  const rang = legs.map(({ callSid }) => callSid);
  const rangElsewhere = dialled.length - legs.length;
  return { evidence: { outcome, tookMs, requests, rang, rangElsewhere }, legs };
}

const ANSWERED_AFTER_MS = 300;
