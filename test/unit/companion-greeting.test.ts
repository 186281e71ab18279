/** The first words of a call, wherever and whenever it is answered. */
import { describe, expect, it } from 'vitest';
import { greeting, localHour } from '../../src/companion/greeting.ts';
import { commonLines, linesFor } from '../../src/companion/lines.ts';
import { stranger, withoutPersonalData, type Person } from '../../src/companion/person.ts';

function person(timeZone: string, language: 'en' | 'es' = 'en', name = 'Margaret'): Person {
  return {
    ...stranger('+15550100001', timeZone),
    name,
    language,
    facts: ['Margaret had a stroke.'],
  };
}

function greet(
  who: Person,
  at: string,
  callNumber = 0,
  direction: 'inbound' | 'outbound' = 'outbound',
): string {
  return greeting({ person: who, direction, at: new Date(at), callNumber });
}

describe('the greeting, in local time', () => {
  it.each([
    // One instant, seven places.
    ['2026-03-01T13:30:00Z', 'America/New_York', 'Good morning'],
    ['2026-03-01T13:30:00Z', 'Europe/London', 'Good afternoon'],
    ['2026-03-01T13:30:00Z', 'Asia/Kolkata', 'Good evening'],
    ['2026-03-01T13:30:00Z', 'Australia/Sydney', 'Good evening'],
    ['2026-03-01T13:30:00Z', 'Pacific/Honolulu', 'Good evening'],
    ['2026-03-01T13:30:00Z', 'America/Los_Angeles', 'Good morning'],
    ['2026-03-01T13:30:00Z', 'Pacific/Kiritimati', 'Good evening'],
    // The edges of the parts of the day.
    ['2026-06-01T11:59:59Z', 'UTC', 'Good morning'],
    ['2026-06-01T12:00:00Z', 'UTC', 'Good afternoon'],
    ['2026-06-01T17:59:59Z', 'UTC', 'Good afternoon'],
    ['2026-06-01T18:00:00Z', 'UTC', 'Good evening'],
    ['2026-06-01T00:00:00Z', 'UTC', 'Good evening'],
    ['2026-06-01T03:59:59Z', 'UTC', 'Good evening'],
    ['2026-06-01T04:00:00Z', 'UTC', 'Good morning'],
    // Clocks go forward in New York at 07:00 UTC on 8 March, back at 06:00 UTC on 1 November.
    ['2026-03-07T16:30:00Z', 'America/New_York', 'Good morning'],
    ['2026-03-08T16:30:00Z', 'America/New_York', 'Good afternoon'],
    ['2026-10-31T16:30:00Z', 'America/New_York', 'Good afternoon'],
    ['2026-11-01T16:30:00Z', 'America/New_York', 'Good morning'],
    // In London on 29 March, at 01:00 UTC.
    ['2026-03-28T17:30:00Z', 'Europe/London', 'Good afternoon'],
    ['2026-03-29T17:30:00Z', 'Europe/London', 'Good evening'],
  ])('at %s in %s says "%s"', (at, zone, words) => {
    expect(greet(person(zone), at)).toMatch(new RegExp(`^${words}, Margaret\\.`));
  });

  it.each([
    ['2026-06-01T08:00:00Z', 'Europe/Madrid', 'Buenos días'],
    ['2026-06-01T17:00:00Z', 'Europe/Madrid', 'Buenas tardes'],
    ['2026-06-01T18:30:00Z', 'Europe/Madrid', 'Buenas noches'],
  ])('at %s in %s says "%s", in Spanish', (at, zone, words) => {
    expect(greet(person(zone, 'es', 'Carmen'), at)).toMatch(new RegExp(`^${words}, Carmen\\.`));
  });

  it('knows the hour on both sides of a change of clocks', () => {
    expect(localHour(new Date('2026-03-08T06:59:00Z'), 'America/New_York')).toBe(1);
    expect(localHour(new Date('2026-03-08T07:00:00Z'), 'America/New_York')).toBe(3);
    expect(localHour(new Date('2026-11-01T05:30:00Z'), 'America/New_York')).toBe(1);
    expect(localHour(new Date('2026-11-01T06:30:00Z'), 'America/New_York')).toBe(1);
    expect(localHour(new Date('2026-01-01T00:00:00Z'), 'UTC')).toBe(0);
  });
});

describe('the greeting, in its wording', () => {
  const at = '2026-06-01T09:00:00Z';

  it('is never the same twice running, in either direction or language', () => {
    for (const language of ['en', 'es'] as const) {
      for (const direction of ['inbound', 'outbound'] as const) {
        const said = Array.from({ length: 12 }, (_, n) =>
          greet(person('UTC', language), at, n, direction),
        );
        for (let n = 1; n < said.length; n += 1) expect(said[n]).not.toBe(said[n - 1]);
      }
    }
  });

  it('always says that it is an AI, and speaks first of the caller when it was called', () => {
    for (let n = 0; n < 6; n += 1) {
      for (const direction of ['inbound', 'outbound'] as const) {
        expect(greet(person('UTC'), at, n, direction)).toMatch(/\bAI companion\b/);
        expect(greet(person('UTC', 'es'), at, n, direction)).toMatch(/inteligencia artificial/);
        expect(greet(person('UTC'), at, n, direction)).toMatch(/[.?]$/);
      }
    }
  });

  it('names nobody whom the line does not know, and nothing personal of one it may not serve', () => {
    expect(greet(stranger('+15550100009', 'UTC'), at)).toMatch(/^Good morning\. /);
    const inactive = withoutPersonalData({ ...person('UTC'), active: false });
    expect(greet(inactive, at, 0, 'inbound')).not.toMatch(/Margaret|stroke/);
    expect(JSON.stringify(inactive)).not.toMatch(/Margaret|stroke/);
  });
});

describe('the fixed lines', () => {
  it('exist in both languages, each with words, and never the same wording twice in one', () => {
    for (const language of ['en', 'es'] as const) {
      const lines = linesFor(language, 'Hello.');
      expect(lines.greeting).toEqual(['Hello.']);
      for (const wordings of Object.values(lines)) {
        expect(wordings.length).toBeGreaterThan(0);
        for (const wording of wordings) expect(wording).toMatch(/\p{L}.*[.?!]$/u);
        expect(new Set(wordings).size).toBe(wordings.length);
      }
      expect(commonLines(language)).toEqual(
        expect.arrayContaining([...lines['still-there'], ...lines.goodbye]),
      );
      expect(Object.keys(lines).sort()).toEqual(Object.keys(linesFor('en', '')).sort());
    }
  });

  it('leave no personal word on an answering machine', () => {
    for (const language of ['en', 'es'] as const) {
      expect(linesFor(language, '').voicemail.join(' ')).not.toMatch(
        /medic|pill|pastilla|médic|\d/i,
      );
    }
  });
});
