/** What became of one call, for whoever looks into a failure; never for judging. */
import { monotonicMs } from '../../emulators/clock.ts';
import type { Conversation } from './conversation.ts';
import type { World } from './world.ts';

const LINES = 40;
const CARRIER = new Set([
  'webhook-answered',
  'stream-started',
  'stream-ended',
  'error',
  'call-ended',
  'rest',
]);

export function traceOf(world: World, conversation: Conversation): string {
  const { callSid, call } = conversation;
  const nowMs = monotonicMs();
  const at = (atMs: number): string => `${Math.round(atMs - nowMs)} ms`;
  const carrier = world.twilio.log.entries
    .filter((entry) => CARRIER.has(entry.what) && JSON.stringify(entry).includes(callSid))
    .slice(-LINES)
    .map(({ atMs, ...entry }) => `${at(atMs)} ${JSON.stringify(entry).slice(0, 300)}`);
  const routed = world.balancer.routed
    .filter((each) => each.callSid === callSid)
    .slice(-LINES)
    .map(({ atMs, path, backend, status }) => `${at(atMs)} ${path} → ${backend}: ${status}`);
  const servers = [...world.instances.values()].flatMap((instance) =>
    instance
      .logged(30)
      .filter((line) => line['callSid'] === callSid)
      .slice(-LINES)
      .map((line) => `${instance.name} ${JSON.stringify(line)}`),
  );
  return [`call ${call} ${callSid}`, ...carrier, ...routed, ...servers].join('\n     ');
}
