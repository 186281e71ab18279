/** How a world commits the fault of its cells, and what was done because of it. */
import type { FaultScript } from '../../../emulators/faults.ts';
import {
  emulatorFault,
  HOST_FAULTS,
  isStore,
  PLANS,
  type MatrixFault,
  type MatrixVendor,
  type VendorHost,
} from './cells.ts';
import { personOf } from './phrases.ts';
import type { Act } from './struck.ts';
import type { Wire } from './wire.ts';
import type { Emulators } from './world.ts';

export const faultsOf = (emulators: Emulators, host: VendorHost): FaultScript =>
  emulators[host].faults;

/** Connections that live as long as the call: what befalls the wire befalls it at once. */
const LIVES_WITH_CALL: ReadonlySet<MatrixVendor> = new Set<MatrixVendor>([
  'flux',
  'nova',
  'elevenlabs-socket',
  'redis',
  'postgres',
]);

/**
 * What was done because of the fault, ever: what the emulator logged, what the wire did to
 * connections in use, and how often a host was asked for that is refused, lost or distrusted
 * (`askedMs`, monotonic). A pooled connection that breaks between two requests is not counted.
 */
export function actsOf(
  emulators: Emulators,
  wire: Wire,
  askedMs: readonly number[],
  vendor: MatrixVendor,
  fault: MatrixFault,
): Act[] {
  const { host, path, surface } = PLANS[vendor];
  const felt = LIVES_WITH_CALL.has(vendor) ? wire.felt(path) : [];
  const asked = HOST_FAULTS.has(fault) && vendor !== 'twilio-media' ? askedMs : [];
  const acts: Act[] = [...felt, ...asked].map((atMs) => ({ atMs }));
  if (isStore(host)) return acts;
  const kind = emulatorFault(vendor, fault)?.kind;
  for (const entry of emulators[host].log.entries) {
    if (entry.what !== 'fault' || entry.fault.kind !== kind) continue;
    if ('surface' in entry && entry.surface !== surface) continue;
    const about = 'about' in entry ? entry.about : 'callSid' in entry ? entry.callSid : undefined;
    acts.push(about === undefined ? { atMs: entry.atMs } : { atMs: entry.atMs, about });
  }
  return acts;
}

/** The fault on what is up and on what comes; returns the cure of the latter. */
export function strikeVendor(
  emulators: Emulators,
  wire: Wire,
  vendor: MatrixVendor,
  fault: MatrixFault,
): () => void {
  const { host, path, surface } = PLANS[vendor];
  if (isStore(host)) return strikeStore(wire, path, fault);
  const bent = emulatorFault(vendor, fault);
  if (bent === undefined) return () => undefined;
  if (vendor === 'twilio-media') {
    // Once for each call: what it is asked after that is to be let in again.
    for (const leg of emulators.twilio.calls()) {
      if (leg.from !== personOf('bystander').phone) leg.network.disturb(bent);
    }
    return () => undefined;
  }
  const takeBack = faultsOf(emulators, host).add({ surface, fault: bent });
  switch (fault) {
    case 'hang':
    case 'trickle':
    case 'slow':
      wire.set(path, fault);
      break;
    case 'garbage':
      wire.spoil(path);
      break;
    default:
      wire.cut(path);
  }
  return () => {
    takeBack();
    wire.set(path, 'pass');
  };
}

/** The wire commits a store's faults: its server is the real one. */
function strikeStore(wire: Wire, path: RegExp, fault: MatrixFault): () => void {
  switch (fault) {
    case 'hang':
    case 'trickle':
    case 'slow':
    case 'garbage':
      wire.set(path, fault);
      break;
    case 'cut':
      wire.set(path, fault);
      wire.cut(path);
      break;
    default:
      return () => undefined;
  }
  return () => wire.set(path, 'pass');
}
