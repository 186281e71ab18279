/** Nothing sends alerts yet: so nobody who has fallen may hear that their family is being told. */
import { describe, expect, test } from 'vitest';
import { linesFor } from '../../src/companion/lines.ts';
import { observe } from '../../src/companion/observer.ts';
import { GUIDANCE } from '../../src/companion/observer-rules.ts';
import { stranger } from '../../src/companion/person.ts';
import { systemPrompt } from '../../src/companion/prompt.ts';

const PROMISES =
  /\b(?:(?:am|is|are) (?:being told|letting|telling|calling)|help is (?:coming|on its way)|(?:have|has|been) (?:told|informed)|estoy avisando|he avisado|se le está avisando|ayuda (?:va|viene|está) en camino)\b/i;
/** What the model is told not to say has to name it. */
const withoutBans = (text: string): string => text.replaceAll(/never say [^.]*\./g, '');

describe('what is said in an emergency', () => {
  test.each(['en', 'es'] as const)('no line in %s promises that anybody is told', (language) => {
    for (const text of Object.values(linesFor(language, '')).flat()) {
      expect(text).not.toMatch(PROMISES);
    }
  });

  test.each(['en', 'es'] as const)(
    'who is asked to press 1, and who has, hears of 911 first in %s',
    (language) => {
      const { keypad, 'help-coming': noted } = linesFor(language, '');
      const offer = language === 'en' ? /press one/ : /pulse el uno/;
      const written = language === 'en' ? /written down/ : /anotado/;
      for (const text of keypad) expect(text.indexOf('911')).toBeLessThan(text.search(offer));
      for (const text of noted) expect(text.indexOf('911')).toBeLessThan(text.search(written));
      expect([...keypad, ...noted].join()).toMatch(/911.*911/);
    },
  );

  test('the model is not guided to promise it, and is told not to', () => {
    const prompt = systemPrompt(stranger('+15550100001'), new Date(0)).map(({ text }) => text);
    for (const text of [...Object.values(GUIDANCE), ...prompt]) {
      expect(withoutBans(text)).not.toMatch(PROMISES);
    }
    expect(prompt.join()).toContain('never say that help is coming');
  });

  test('who has fallen or is in danger is sent to the emergency number', () => {
    for (const said of [
      'I have fallen and I cannot get up.',
      'Please call an ambulance!',
      'My face is drooping on one side.',
      'My chest feels heavy.',
      "I don't want to live anymore.",
    ]) {
      expect(observe(said, 'en').guidance.join()).toContain('emergency number');
    }
  });
});
