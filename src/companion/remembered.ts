/** Which memories a call begins with. */
import type { Person } from './person.ts';

export type RecalledMemory = {
  readonly kind: string;
  readonly text: string;
  /** 0 to 100. */
  readonly importance: number;
  /** Unix milliseconds. */
  readonly createdAtMs: number;
};

/** More would crowd the prompt, and make every turn of the call dearer. */
const MAX_RECALLED = 20;
const HALF_LIFE_DAYS = 30;
const DAY_MS = 86_400_000;

/**
 * A person with what they told in earlier calls: the weightiest that is not too old first, at most
 * twenty. What the profile says comes before it, and is not said twice.
 */
export function withMemories(
  person: Person,
  memories: readonly RecalledMemory[],
  nowMs: number,
): Person {
  const known = new Set([...person.facts, ...person.people].map(worded));
  const recalled = memories
    .filter(({ text }) => !known.has(worded(text)))
    .map((memory) => ({ memory, weight: weightOf(memory, nowMs) }))
    .sort((a, b) => b.weight - a.weight || b.memory.createdAtMs - a.memory.createdAtMs)
    .slice(0, MAX_RECALLED)
    .map(({ memory }) => memory);
  const textsOf = (isPeople: boolean): string[] =>
    recalled.filter(({ kind }) => (kind === 'relationship') === isPeople).map(({ text }) => text);
  return {
    ...person,
    facts: [...person.facts, ...textsOf(false)],
    people: [...person.people, ...textsOf(true)],
  };
}

/** Halved with every month, as people forget; what was weighty stays in front for long. */
function weightOf({ importance, createdAtMs }: RecalledMemory, nowMs: number): number {
  const ageDays = Math.max(0, nowMs - createdAtMs) / DAY_MS;
  return importance * 0.5 ** (ageDays / HALF_LIFE_DAYS);
}

function worded(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}
