/** What must not hush an alarm: other things told in passing, few words, odd letters. */
import { describe, expect, it } from 'vitest';
import { observe } from '../../src/companion/observer.ts';

function alarms(said: string, language: 'en' | 'es'): string[] {
  return observe(said, language)
    .signals.filter((s) => s.severity === 'high')
    .map((s) => s.category);
}

describe('an explanation', () => {
  it.each([
    ['en', 'I smell gas while making a barbecue', 'danger-at-home'],
    ['en', 'I can smell gas, I passed the gas station earlier', 'danger-at-home'],
    ['en', 'the plumber left an hour ago and someone is breaking into my house', 'danger-at-home'],
    ['en', 'the plumber left and there is a man in my house', 'danger-at-home'],
    ['en', 'my son hit me because I was watching a show on tv', 'abuse'],
    ['en', 'I was watching the news on tv and someone broke into my house', 'danger-at-home'],
    ['en', 'I was watching tv and someone broke in', 'danger-at-home'],
    ['en', 'I have a dream every night and my son hits me', 'abuse'],
    ['es', 'huelo a gas mientras hago una barbacoa', 'danger-at-home'],
    ['es', 'huele a gas, pasé por la gasolinera antes', 'danger-at-home'],
    ['es', 'el fontanero se fue y alguien está entrando en mi casa', 'danger-at-home'],
    ['es', 'mi hijo me pegó porque estaba viendo una serie en la tele', 'abuse'],
    ['es', 'estaba viendo las noticias en la tele y alguien entró en mi casa', 'danger-at-home'],
    ['es', 'tengo un sueño cada noche y mi hijo me pega', 'abuse'],
  ] as const)('of something else hushes nothing (%s): "%s"', (language, said, category) => {
    expect(alarms(said, language)).toContain(category);
  });

  it.each([
    ['en', 'I smelled gas at the gas station'],
    ['en', 'I was at the gas station and I smelled gas'],
    ['en', 'I burned the toast and the smoke alarm went off'],
    ['en', 'I had a dream and my son hit me'],
    ['en', 'I watched a film where someone broke into my house'],
    ['es', 'soñé que mi hijo me pegaba'],
    ['es', 'en la película hay un incendio'],
    ['es', 'vi una película donde alguien entró en mi casa'],
  ] as const)('of the thing itself is heard (%s): "%s"', (language, said) => {
    expect(alarms(said, language)).toEqual([]);
  });
});

describe('few words', () => {
  it.each([
    ['en', 'there is a fire', 'danger-at-home'],
    ['en', "there's a fire in the kitchen", 'danger-at-home'],
    ['en', 'Fire! Fire!', 'danger-at-home'],
    ['en', 'the gas alarm went off', 'danger-at-home'],
    ['en', 'the smoke alarm went off', 'danger-at-home'],
    ['en', 'ambulance please', 'emergency'],
    ['en', 'Ambulance!', 'emergency'],
    ['en', 'call an ambulance', 'emergency'],
    ['en', "I'm on the floor", 'fall'],
    ['en', "I'm on the floor and can't get up", 'fall'],
    ['es', 'hay un incendio', 'danger-at-home'],
    ['es', 'hay fuego', 'danger-at-home'],
    ['es', 'ha saltado la alarma de gas', 'danger-at-home'],
    ['es', 'está sonando la alarma de incendios', 'danger-at-home'],
    ['es', 'una ambulancia por favor', 'emergency'],
    ['es', 'estoy en el suelo', 'fall'],
  ] as const)('are enough (%s): "%s"', (language, said, category) => {
    expect(alarms(said, language)).toContain(category);
  });

  it.each([
    ['en', 'there is a fire in the fireplace'],
    ['en', 'there is a fire in the living room fireplace'],
    ['en', "where there's smoke there's fire"],
    ['en', "there isn't a fire"],
    ['en', 'if there is a fire I call you'],
    ['en', 'the gas alarm has not gone off'],
    ['en', 'the children play on the floor'],
    ['en', 'I sat on the floor to play with the cat'],
    ['en', "I'm on the floor, doing my yoga"],
    ['en', "I'm on the second floor"],
    ['es', 'hay fuego en la chimenea'],
    ['es', 'no hay fuego'],
    ['es', 'donde hay humo hay fuego'],
    ['es', 'la ambulancia pasó'],
    ['es', 'me senté en el suelo a jugar con el gato'],
  ] as const)('are not taken for others (%s): "%s"', (language, said) => {
    expect(alarms(said, language)).toEqual([]);
  });
});

describe('odd letters', () => {
  it.each([
    '\uff29 \uff53\uff4d\uff45\uff4c\uff4c\u3000\uff47\uff41\uff53',
    'I sm\u00adell g\u00adas',
    'I sm\u200bell gas',
  ])('hide nothing: %j', (said) => {
    expect(alarms(said, 'en')).toEqual(['danger-at-home']);
  });
});
