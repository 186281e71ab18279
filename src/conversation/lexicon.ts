/**
 * What a few words mean for the floor: whether speech over the companion's own is a nod, a wish to
 * interrupt, or not yet clear; and whether a turn is a goodbye. English and Spanish.
 */

export type Language = 'en' | 'es';

export type Overlap =
  /** No words. */
  | 'nothing'
  /** "mm-hm", "yes dear": keep talking. */
  | 'backchannel'
  /** One or two other words: hold, and wait for more. */
  | 'undecided'
  /** "stop", "wait", "no, listen": stop at once. */
  | 'stop'
  /** Three or more words of content: stop. */
  | 'content';

/** Words in lower case without punctuation; apostrophes inside words stay. */
export function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[\p{L}\p{N}]+(?:['-][\p{L}\p{N}]+)*/gu) ?? []
  );
}

/** The same words in the same order, whatever their case and punctuation. */
export function sameWords(a: string, b: string): boolean {
  return wordsOf(a).join(' ') === wordsOf(b).join(' ');
}

/** Joins two stretches of speech with one space, leaving out what is empty. */
export function joinText(a: string, b: string): string {
  return [a.trim(), b.trim()].filter((part) => part !== '').join(' ');
}

const MURMURS = new Set(
  `mm mmm mhm mhmm hm hmm mm-hm mm-hmm mhm-hm uh-huh uh huh ah aha ooh oh um er em
   ajá aja eh ay uy`.split(/\s+/),
);

/** Nods that can also be answers. */
const ANSWERS = new Set(
  `yes yeah yep yup right okay ok sure true indeed exactly absolutely no-doubt
   sí si claro vale bueno bien ya exacto cierto`.split(/\s+/),
);

/** Words that go along with a nod without adding content. */
const ALONG = new Set(
  `dear love darling honey lovely good nice really well i see that's wonderful my goodness gosh
   cariño cielo hija hijo qué que bonito verdad entiendo ya veo`.split(/\s+/),
);

const HELLOS = new Set('hello hi hallo hey hola diga dígame aló'.split(' '));

const STOP: Record<Language, RegExp> = {
  en: /^(?:stop|wait|listen|hold on|hang on|excuse me|help|be quiet|shush|shut up|let me|just a (?:minute|moment|second)|one (?:minute|moment|second)|no (?:no|listen|wait|stop)|but wait|please (?:stop|wait|listen))\b/,
  es: /^(?:para|pare|basta|espera|espere|espérate|escucha|escuche|oye|oiga|ayuda|socorro|perdona|perdone|cállate|un (?:momento|momentito|minuto)|no (?:no|espera|espere|escucha|escuche|para)|por favor (?:para|pare|espera|espere))(?![\p{L}])/u,
};

/** A nod and nothing more; `murmur` when it cannot even be an answer. */
export function nod(text: string): 'murmur' | 'answer' | undefined {
  const words = wordsOf(text);
  if (words.length === 0) return undefined;
  if (words.every((word) => MURMURS.has(word))) return 'murmur';
  const nods = words.some((word) => MURMURS.has(word) || ANSWERS.has(word));
  const quiet = words.every((w) => MURMURS.has(w) || ANSWERS.has(w) || ALONG.has(w));
  const pleased = words.length <= 3 && words.every((word) => ALONG.has(word));
  return quiet && (nods || pleased) ? 'answer' : undefined;
}

/**
 * Judges words spoken over the companion's own. `duringGreeting`: a "hello?" into the greeting is
 * no interruption.
 */
export function judgeOverlap(text: string, language: Language, duringGreeting = false): Overlap {
  const words = wordsOf(text);
  if (words.length === 0) return 'nothing';
  if (duringGreeting && words.every((w) => HELLOS.has(w) || nod(w) !== undefined)) {
    return 'backchannel';
  }
  if (nod(text) !== undefined) return 'backchannel';
  const content = [...words];
  while (content.length > 0 && isNodWord(content[0] ?? '')) content.shift();
  if (STOP[language].test(content.join(' '))) return 'stop';
  const weight = words.filter((word) => !isNodWord(word)).length;
  return weight >= 3 ? 'content' : 'undecided';
}

function isNodWord(word: string): boolean {
  return MURMURS.has(word) || ANSWERS.has(word);
}

export type Goodbye = 'none' | 'weak' | 'strong';

const STRONG: Record<Language, readonly RegExp[]> = {
  en: [
    /(?<!\b(?:a|had|have|such a|very|one) )\bgood ?night\b(?!'s| of| for| in)/,
    /\b(?:talk|speak|chat) to you (?:tomorrow|later|soon|then|again|next)\b/,
    /\b(?:i'll|i will|better|should|must) let you go\b/,
    /\b(?:got to|gotta|have to|need to|must|better|should) (?:get going|be going|be off|get off the phone|hang up)\b/,
    /\b(?:got to|gotta|have to|must|better) go(?: now)?(?:,? (?:dear|love|bye|goodbye|bye bye))*$/,
    /\bsee you (?:tomorrow|later|soon)\b.*$/,
    /\b(?:bye|goodbye) (?:for now|then|now)\b/,
  ],
  es: [
    /(?<!\b(?:unas|las|muy) )\bbuenas noches\b/,
    /\bhasta (?:mañana|luego|pronto|la próxima)(?![\p{L}])/u,
    /\bhablamos (?:mañana|luego|pronto|después)(?![\p{L}])/u,
    /\b(?:te|le|la|lo) dejo(?: ya| entonces)?$/,
    /\b(?:me tengo que ir|tengo que irme|me voy ya|tengo que colgar)(?![\p{L}])/u,
  ],
};

const WEAK: Record<Language, RegExp> = {
  en: /^(?:(?:well|okay|ok|alright|so|oh) )*(?:bye|goodbye|bye bye|bye-bye|cheerio|ta-ta|so long)\b|(?<!\b(?:said|say|saying|wave|waved|kissed|a) )\b(?:bye|goodbye|bye-bye)(?: (?:dear|love|now))?$/,
  es: /^(?:(?:bueno|vale|pues) )*(?:adiós|adios|chao|chau)(?![\p{L}])|(?<!\b(?:dijo|dije|decir|un) )(?:adiós|adios|chao|chau)$/u,
};

const STAYING: Record<Language, RegExp> = {
  en: /\b(?:oh wait|wait|one more thing|actually|before (?:you|i) go|hold on|hang on|i forgot|by the way)\b/,
  es: /(?:^| )(?:espera|espere|una cosa más|otra cosa|antes de|por cierto|se me olvidaba)(?![\p{L}])/u,
};

/** Whether a whole turn says goodbye, and whether it can be taken at its word. */
export function goodbye(text: string, language: Language): Goodbye {
  const said = wordsOf(text).join(' ');
  const strong = STRONG[language].some((pattern) => pattern.test(said));
  const weak = WEAK[language].test(said);
  if (!strong && !weak) return 'none';
  if (STAYING[language].test(said)) return 'weak';
  return strong ? 'strong' : 'weak';
}
