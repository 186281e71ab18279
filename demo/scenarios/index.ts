import type { Scenario } from '../script.ts';
import { impatient } from './impatient.ts';
import { inbound } from './inbound.ts';
import { margaret } from './margaret.ts';
import { silent } from './silent.ts';
import { spanish } from './spanish.ts';
import { voicemail } from './voicemail.ts';

export const SCENARIOS: readonly Scenario[] = [
  margaret,
  inbound,
  voicemail,
  silent,
  impatient,
  spanish,
];

export function findScenario(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name);
}
