import { describe, expect, it } from 'vitest';
import { sayAndResume } from '../../routes/twiml.ts';

const RESUME = 'https://line.example/voice/resume';

describe('words that the carrier speaks', () => {
  it.each([
    ['a control character', 'Good\u0001 morning'],
    ['a null', 'Good\u0000 morning'],
    ['half a pair', 'Good morning \ud83d'],
    ['a non-character', 'Good\uffff morning'],
  ])('are spoken with %s in them', (_what, words) => {
    const twiml = sayAndResume(words, 'en', RESUME);
    expect(twiml).toMatch(/<Say language="en-US">Good *\S* morning[^<]*<\/Say>/);
    expect(twiml).toContain(RESUME);
    expect(twiml.isWellFormed()).toBe(true);
  });

  it('stay as they are otherwise, and are words only', () => {
    expect(sayAndResume('¿Qué tal? 😀 Añó', 'es', RESUME)).toContain('>¿Qué tal? 😀 Añó<');
    expect(sayAndResume('</Say><Dial>1</Dial>', 'en', RESUME)).not.toContain('<Dial>');
  });
});
