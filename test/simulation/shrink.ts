/** Makes a failing script smaller while it still fails in the same way. */
import type { Invariant } from './invariants.ts';
import type { Script } from './script.ts';
import { simulate, type Step } from './world.ts';

/** What of a seed's script is left out. */
export type Omission = {
  readonly faults: readonly string[];
  /** Positions in the seed's own list of acts. */
  readonly acts: readonly number[];
};

const MAX_RUNS = 200;

/** A seed's script without some of its faults and acts. */
export function without(script: Script, omitted: Omission): Script {
  return {
    ...script,
    faults: script.faults.filter((fault) => !omitted.faults.includes(fault)),
    acts: script.acts.filter((_, at) => !omitted.acts.includes(at)),
  };
}

/** Leaves out one fault class, then one act at a time, for as long as the invariant still breaks. */
export function shrink(script: Script, broken: Invariant, core?: Step): Omission {
  let omitted: Omission = { faults: [], acts: [] };
  let runs = 0;
  const stillFails = (candidate: Omission): boolean => {
    runs += 1;
    if (runs > MAX_RUNS) return false;
    const { violations } = simulate(without(script, candidate), core);
    return violations.some((v) => v.invariant === broken);
  };
  for (let before = -1; before !== size(omitted);) {
    before = size(omitted);
    for (let at = script.acts.length - 1; at >= 0; at -= 1) {
      if (omitted.acts.includes(at)) continue;
      const fewer: Omission = { ...omitted, acts: [...omitted.acts, at] };
      if (stillFails(fewer)) omitted = fewer;
    }
    for (const fault of script.faults) {
      if (omitted.faults.includes(fault)) continue;
      const fewer: Omission = { ...omitted, faults: [...omitted.faults, fault] };
      if (stillFails(fewer)) omitted = fewer;
    }
  }
  return { faults: omitted.faults, acts: omitted.acts.toSorted((a, b) => a - b) };
}

function size(omitted: Omission): number {
  return omitted.faults.length + omitted.acts.length;
}
