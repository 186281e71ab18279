/**
 * Where a caller says that somebody close to them hurts, neglects or robs them. Such words must not
 * reach the family unread: whoever reads them first may be the one who is accused. So here doubt
 * counts for the caller: what is held in error is released by a human within the hour.
 */
import { observe } from './observer.ts';

/** The category of alerts that are held. */
export const ACCUSATION = 'abuse';

/** What models call it, in either language. */
const KINDS =
  /\b(?:abus\w*|exploit\w*|explota\w*|maltrat\w*|mistreat\w*|ill-?treat\w*|(?<!self[ -])neglect\w*|negligencia|violen\w*|assault\w*|agresi\w*|coerc\w*|coacci\w*|intimidat\w*|threaten\w*|amenaz\w*|molest(?:s|ed|ing|ation))\b/i;

const CLOSE =
  '(?:sons?|daughters?|children|grand(?:son|daughter|child|children)s?|husband|wife|partner|nephews?|nieces?|brothers?|sisters?|cousins?|(?:son|daughter)-in-law|family|relatives?|carers?|caregivers?|caretakers?|aides?|nurses?|neighbou?rs?|hij[oa]s?|niet[oa]s?|marido|espos[oa]|sobrin[oa]s?|herman[oa]s?|yerno|nuera|cuidadora?|enfermer[oa]|vecin[oa]s?)';
const HARM =
  '(?:hits?|hitting|slap(?:s|ped)?|beats?|beating|punch(?:es|ed)|kick(?:s|ed)|push(?:es|ed)|shov(?:es|ed)|hurts?|hurting|harms?|locks?|locked|robs?|robbed|robbing)';
const TAKE = '(?:takes?|took|taken|taking|steals?|stole|stolen|stealing|keeps|kept|spends?|spent)';
const POSSESSIONS =
  '(?:money|pension|savings|cash|cards?|jewel\\w*|rings?|things|house|benefits|social security)';
const HARM_ES =
  '(?:pega|pego|pegado|golpe\\w+|empuj\\w+|roba|robo|robado|robando|quita|quito|quitado|quitando|encierra|encerr\\w+|grita|maltrat\\w+)';
const GAP = (most: number) => String.raw`(?:\W+[\w']+){0,${most}}?\W+`;

/** "My son hits me", "her nephew took all of her money", "mi hijo me quita el dinero". */
const CLOSE_DOES_HARM = new RegExp(
  String.raw`\b${CLOSE}${GAP(4)}(?:${HARM}\W+(?:me|us|her|him|the caller)\b|${TAKE}${GAP(3)}(?:my|her|his|their|the caller's)${GAP(2)}${POSSESSIONS}\b|(?:(?:me|la|le|lo)\W+)(?:\w+\W+)?${HARM_ES}\b)`,
  'i',
);

/** The caller's own words accuse somebody. */
export function accuses(words: string, language: 'en' | 'es'): boolean {
  return observe(words, language).signals.some(({ category }) => category === ACCUSATION);
}

/** What a model or the rules found in a call accuses somebody. */
export function isAccusation(
  concern: { readonly type: string; readonly description: string; readonly quote: string },
  language: 'en' | 'es',
): boolean {
  const { type, description, quote } = concern;
  return (
    KINDS.test(`${type} ${description}`) ||
    CLOSE_DOES_HARM.test(quote) ||
    CLOSE_DOES_HARM.test(description) ||
    accuses(quote, language)
  );
}
