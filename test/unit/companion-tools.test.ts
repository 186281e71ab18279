/** The tools of a call: they answer in plain words and reach nobody. */
import { describe, expect, it } from 'vitest';
import { COMPANION_TOOLS } from '../../src/companion/tools.ts';

const AT = new Date('2026-03-08T16:30:00Z');

function localTime(input: unknown): string {
  const tool = COMPANION_TOOLS.find(({ name }) => name === 'local_time');
  if (!tool) throw new Error('there is no local_time');
  return tool.run(input, AT);
}

describe('the local_time tool', () => {
  it.each([
    ['America/New_York', /^Sunday.* 12:30\s?pm$/i],
    ['Europe/London', /^Sunday.* 4:30\s?pm$/i],
    ['Australia/Sydney', /^Monday.* 3:30\s?am$/i],
    ['Asia/Kolkata', /^Sunday.* 10:00\s?pm$/i],
  ])('tells the day and hour in %s', (time_zone, answer) => {
    expect(localTime({ time_zone })).toMatch(answer);
  });

  it.each([
    [undefined],
    [null],
    ['Europe/London'],
    [{}],
    [{ time_zone: 5 }],
    [{ time_zone: '' }],
    [{ time_zone: 'Nowhere/Land' }],
    [{ time_zone: 'x'.repeat(10_000) }],
    [['Europe/London']],
  ])('throws on %j, which the call answers as an error', (input) => {
    expect(() => localTime(input)).toThrow();
  });

  it('takes nothing but a time zone: no tool can name a person, a number or a row', () => {
    for (const { inputSchema } of COMPANION_TOOLS) {
      expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      const names = Object.keys(inputSchema.properties as object);
      expect(names.filter((name) => /id$|phone|person|name/i.test(name))).toEqual([]);
    }
  });
});
