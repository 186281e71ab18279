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

/**
 * Words in lower case without punctuation; apostrophes inside words stay. Letters are Latin ones,
 * spelt out: Unicode tables make a pattern ten times as dear to compile, and the engine throws
 * compiled patterns away when memory is collected.
 */
export function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[0-9a-zªºß-ɏ]+(?:['-][0-9a-zªºß-ɏ]+)*/gu) ?? []
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

/** Nods of several words; each counts as one nod, whatever its words mean elsewhere. */
const NOD_PHRASES: Record<Language, RegExp> = {
  en: /\b(?:i (?:know|see|understand|suppose so|suppose|bet)|of course|how (?:lovely|nice|wonderful|sweet|funny|interesting)|fair enough|go on|goodness me|oh my (?:god|word|lord)|(?:ha ){1,4}ha|you don't say|is that so|me too|thank you|thanks|(?:that's|it's) (?:right|true|so true|nice|lovely|good|great|wonderful|funny|sweet))\b/g,
  es: /(?<![a-zªºß-ɏ])(?:madre mía|por supuesto|desde luego|no me diga|no me digas|claro que sí|dios mío|ya lo creo|qué (?:bien|bonito|bueno|gracia|alegría|lástima|pena)|muy bien|de acuerdo|así es|(?:ja ){1,4}ja|muchas gracias|gracias)(?![a-zªºß-ɏ])/gu,
};

const STOP: Record<Language, RegExp> = {
  en: /^(?:stop|wait|listen|hold on|hang on|excuse me|help|be quiet|shush|shut up|let me|just a (?:minute|moment|second)|one (?:minute|moment|second)|no (?:no|listen|wait|stop)|but (?:wait|listen)|please (?:stop|wait|listen)|i (?:can't|cannot|didn't) hear|i (?:just )?fell|i've fallen|i can't breathe|i need help|say (?:that|it) again|what did you say|pardon)\b/,
  es: /^(?:para(?! (?:mí|mi|mis|el|la|los|las|que|un|una|eso|nada|siempre|usted|ell[ao]s?)(?![a-zªºß-ɏ]))|pare|basta|espera|espere|espérate|escucha|escuche|oye|oiga|ayuda|socorro|perdona|perdone|cállate|un (?:momento|momentito|minuto)|no (?:no|espera|espere|escucha|escuche|para)|pero (?:espera|espere|escucha|escuche|oiga|oye)|por favor (?:para|pare|espera|espere)|no (?:le|te|la) oigo|me (?:caí|he caído)|no puedo respirar|cómo dice)(?![a-zªºß-ɏ])/u,
};

/** The words of a text, with each nod of several words as one "okay". */
function weighed(text: string, language: Language): string[] {
  const said = wordsOf(text).join(' ');
  return said.replaceAll(NOD_PHRASES[language], 'okay').split(' ');
}

/** A nod and nothing more; `murmur` when it cannot even be an answer. */
export function nod(text: string): 'murmur' | 'answer' | undefined {
  const spoken = wordsOf(text);
  if (spoken.length === 0) return undefined;
  if (spoken.every((word) => MURMURS.has(word))) return 'murmur';
  return isNod(weighed(text, 'en')) || isNod(weighed(text, 'es')) ? 'answer' : undefined;
}

function isNod(words: readonly string[]): boolean {
  const nods = words.some(isNodWord);
  const quiet = words.every((word) => isNodWord(word) || ALONG.has(word));
  return quiet && (nods || words.length <= 3);
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
  const content = weighed(text, language);
  const begin = content.findIndex((word) => !isNodWord(word) && !HELLOS.has(word));
  if (STOP[language].test(words.join(' '))) return 'stop';
  if (begin >= 0 && STOP[language].test(content.slice(begin).join(' '))) return 'stop';
  const weight = content.filter((word) => !isNodWord(word)).length;
  return weight >= 3 ? 'content' : 'undecided';
}

function isNodWord(word: string): boolean {
  return MURMURS.has(word) || ANSWERS.has(word);
}

export type Goodbye = 'none' | 'weak' | 'strong';

/** "You have to go", "I don't have to go", "they said": not the caller, or not so. */
const OTHERS = String.raw`(?<!\b(?:you|he|she|they|it|who|you've|he's|she's|they've|don't|didn't|doesn't|never|not|to)(?: (?:have|has|really|just|both|all))? )`;
const DAY = String.raw`(?:tomorrow|later|soon|then|again|next|tonight|in the morning|this (?:evening|afternoon|week)|at the weekend|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)`;

const STRONG: Record<Language, readonly RegExp[]> = {
  en: [
    /(?<!\b(?:a|had|have|such a|very|one|kissed|said|wished|told|to say|never say)(?: (?:me|him|her|us|them|you|each other))? )\bgood ?night\b(?!'s| of| for| in)/g,
    new RegExp(
      String.raw`(?<!\b(?:need|want|have|like|wanted|love|able|can|could|may|did|when) (?:to |i )?)\b(?:talk|speak|chat) to you ${DAY}\b`,
      'g',
    ),
    /(?<!\b(?:wouldn't|won't|didn't|they|he|she|don't) )\b(?:i'll|i will|better|should|must|going to|gonna) let you go\b(?! in| to| out| home| there)/g,
    new RegExp(
      String.raw`${OTHERS}\b(?:got to|gotta|have to|need to|must|better|should|going to|gonna|i'll|i will) (?:get going|be going|be off|get off the phone|get off the line|hang up)\b`,
      'g',
    ),
    new RegExp(
      String.raw`${OTHERS}\b(?:got to|gotta|have to|must|better|going to|gonna|need to) (?:go|run)(?: now| then)?(?: (?:dear|love|bye|goodbye|bye bye))*$`,
      'g',
    ),
    new RegExp(
      String.raw`${OTHERS}\b(?:got to go to|have to go to|going to go to|going to|need to go to|off to|time for|ready for) bed(?: now)?$`,
      'g',
    ),
    /(?<!\b(?:to|can|could|will i|when) )\bsee you (?:tomorrow|later|soon|on (?:mon|tues|wednes|thurs|fri|satur|sun)day)\b/g,
    /\b(?:bye|goodbye) (?:for now|then|now)\b/g,
    /\b(?:talking|speaking|chatting|talk|chat|calling|call|hearing|take care)\b.{0,60}\b(?:bye|goodbye|bye-bye)$/g,
  ],
  es: [
    /(?<!\b(?:unas|las|muy|dio|dije|dijo|dar|decir) )\bbuenas noches\b/g,
    /(?<!(?:no le veo|esperar|estuvo|está abierto|estuve) )\bhasta (?:mañana|luego|pronto|la próxima|otro día)(?![a-zªºß-ɏ])/gu,
    /\bhablamos (?:mañana|luego|pronto|después|otro día)(?![a-zªºß-ɏ])/gu,
    /(?<!\bno )\b(?:te|le|la|lo) (?:voy a dejar|dejo)(?= ya| entonces| por hoy| que tengo|$)/g,
    /(?<!\bno )\b(?:me tengo que ir|tengo que irme|me voy ya|ya me voy|tengo que colgar|voy a colgar)(?! (?:al? (?!dormir|la cama|acostar|descansar)|de compras|con))(?![a-zªºß-ɏ])/gu,
  ],
};

const WEAK: Record<Language, RegExp> = {
  en: /^(?:(?:well|okay|ok|alright|so|oh) )*(?:bye|goodbye|bye bye|bye-bye|cheerio|ta-ta|so long)\b|(?<!\b(?:said|say|saying|wave|waved|kissed|a) )\b(?:bye|goodbye|bye-bye)(?: (?:dear|love|now))?$|(?<!\b(?:i|to|they|she|he|we|who) )\b(?:take care|god bless)(?: of yourself| dear| love| now| you)*$/,
  es: /^(?:(?:bueno|vale|pues) )*(?:adiós|adios|chao|chau)(?![a-zªºß-ɏ])|(?<!\b(?:dijo|dije|decir|un) )(?:adiós|adios|chao|chau)$|(?:^| )(?:cuídese|cuídate)(?: mucho)?$/u,
};

const STAYING: Record<Language, RegExp> = {
  en: /\b(?:oh wait|wait|one more thing|actually|before (?:you|i) go|hold on|hang on|i forgot|by the way)\b/,
  es: /(?:^| )(?:espera|espere|una cosa más|otra cosa|antes de|por cierto|se me olvidaba)(?![a-zªºß-ɏ])/u,
};

/** Somebody else's words, told. */
const REPORTED: Record<Language, RegExp> = {
  en: /\b(?:he|she|they|(?:my|the) \w+) (?:said|says|told|asked|always says|used to say)\b/,
  es: /(?:^| )(?:él|ella|ellos|(?:mi|el|la) [a-zªºß-ɏ]+) (?:dijo|dice|decía|dijeron|me dijo)(?![a-zªºß-ɏ])/u,
};

/** A question of so many words after a goodbye waits for its answer; "all right?" does not. */
const QUESTION_WORDS = 3;

/**
 * Whether a whole turn says goodbye, and whether it can be taken at its word: a "bye" alone, or a
 * goodbye with "oh wait" or a question after it, is weak.
 */
export function goodbye(text: string, language: Language): Goodbye {
  let found: Goodbye = 'none';
  for (const sentence of text.split(/(?<=[.!?…])\s+/)) {
    const said = wordsOf(sentence).join(' ');
    if (REPORTED[language].test(said)) continue;
    const end = endOfStrong(said, language);
    const rest = end === undefined ? said : said.slice(end);
    if (end !== undefined) found = 'strong';
    else if (WEAK[language].test(said) && found === 'none') found = 'weak';
    if (found !== 'strong') continue;
    const asks = sentence.trim().endsWith('?') && wordsOf(rest).length >= QUESTION_WORDS;
    if (asks || STAYING[language].test(rest)) found = 'weak';
  }
  return found;
}

/** Where the last strong goodbye ends; undefined when there is none. */
function endOfStrong(said: string, language: Language): number | undefined {
  const ends = STRONG[language].flatMap((pattern) =>
    [...said.matchAll(pattern)].map((match) => match.index + match[0].length),
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** What only a machine's greeting says. */
const MACHINE_GREETING: Readonly<Record<Language, RegExp>> = {
  en: /\b(?:leave (?:your|me a|us a) (?:short |brief )?(?:message|name)|(?:please|and) leave a (?:short |brief )?message|(?:after|at) the (?:tone|beep)|(?:you have|you've) reached|(?:person|number|customer|party) you (?:are|have) (?:calling|called|dialed|dialled))\b/i,
  es: /(?:deje (?:un|su|el) (?:breve )?(?:mensaje|nombre|recado)|después (?:del|de la|de oír la) (?:tono|señal)|al oír la señal|el número que (?:ha|usted) marc)/i,
};
/** What machines say far more often than people. */
const MACHINE_WORDS: Readonly<Record<Language, RegExp>> = {
  en: /\b(?:leave a (?:short |brief )?(?:message|name)|(?:voice ?mail|mailbox|answering machine)|(?:not|isn't|aren't|can't|cannot|unable to) (?:available|come to the phone|take your call|answer))\b/i,
  es: /(?:buzón|contestador|no (?:puedo|podemos|puede) (?:atender|contestar)|no (?:está|estoy|se encuentra) disponible)/i,
};

/** How much a text sounds like an answering machine: like its greeting, a little, or not at all. */
export function machineLikeness(text: string, language: Language): 'greeting' | 'words' | 'none' {
  const plain = text.replaceAll('’', "'");
  if (MACHINE_GREETING[language].test(plain)) return 'greeting';
  return MACHINE_WORDS[language].test(plain) ? 'words' : 'none';
}
