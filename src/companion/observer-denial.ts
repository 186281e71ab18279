/** Negation, tense, who it is about: what the words around a match make of it. */
import type { Rule } from './observer-rules.ts';

/** The little words of a language that turn a sentence's meaning; all on folded text. */
export type Grammar = {
  /** Right before a match with a subject of its own: it is not claimed to be so. */
  readonly frame: RegExp;
  /** Right before a match: it is not so. */
  readonly negation: RegExp;
  /** A match that begins like this is a clause of its own, which a negation before it leaves be. */
  readonly ownSubject: RegExp;
  /** Where a negation stops to work. */
  readonly clauseBreak: RegExp;
  /** Behind a match: it was not so after all. */
  readonly takenBack: RegExp;
  readonly person: RegExp;
  readonly self: RegExp;
  readonly fiction: RegExp;
  readonly longAgo: RegExp;
  readonly lately: RegExp;
  /** From here on it is about the caller and the present, whatever was told before. */
  readonly returning: RegExp;
  /** Here another clause begins. */
  readonly turn: RegExp;
  /** Behind a match: what the caller was doing meanwhile begins here, such as watching a film. */
  readonly aside: RegExp;
  /** A dream goes on from clause to clause. */
  readonly dreamt: RegExp;
};

export const GRAMMAR_EN: Grammar = {
  frame:
    /(?<!know |sure |tell |wonder |as |even )\b(?:if|what if|in case|unless|whether|not (?:that|like|as if|as though)|(?:don't|didn't|do not) (?:think|believe|suppose)(?: that)?|never said(?: that)?|(?:dreamt|dreamed|a dream|a nightmare)(?: that| where| in which)?|imagine|pretend|pretended|suppose|supposing|afraid (?:that )?(?:one day )?|asked when|remember when) (?:(?:i|one day|ever) )?$/,
  negation:
    /(?:\b(?:no(?! (?:i|it|my|he|she|we|you)\b)|not(?! only| just| sure)|without|nor|neither|never(?! (?:felt|been|had) (?:so|this|such))|free of|(?<!(?:can't|cannot|couldn't|can not) get )rid of|stopped|instead of|no longer|isn't|wasn't|aren't|weren't|ain't)(?: (?!i\b|i'm\b|i've\b|my\b)[a-z0-9'-]+){0,3} |\b(?:don't|do not|didn't|did not|haven't|hasn't|hadn't|have not|won't|wouldn't|would never|doesn't)(?: really| even| actually| often| ever| usually)* (?:have|had|having|got|get|getting|feel|felt|feeling|suffer|suffered|experience|experienced|smell|see|notice|noticed|been|want|wanted|mean|plan|intend|think|need|seem)(?: (?!i\b|i'm\b|i've\b)[a-z0-9'-]+){0,5} |\b(?:don't|didn't|haven't|hasn't|hadn't|won't|doesn't|would never|not going to) )$/,
  ownSubject:
    /^(?:i|i'm|i've|i'd|i'll|my|any|no|no-one|nothing|nobody|none|someone|somebody|there|there's|not|cannot|hardly|barely|haven't|have not|hadn't|[a-z]+n't|what|what's|life|see|unable|trouble|difficulty|a|an)\b/,
  clauseBreak:
    /[,;:.!?]|\b(?:but|because|since|though|although|and (?:now|then|i|i'm|my|there|there's)|so i|until|when|while)\b/g,
  takenBack:
    /^[a-z0-9' ]{0,40},? ?(?:\bbut (?:it (?:was|turned out)(?: to be)? (?:only|just|nothing but)|i didn't(?=[.,!]|$| really fall)|he didn't(?=[.,!]|$)|they didn't(?=[.,!]|$)|it wasn't(?=[.,!]|$))|\bjust kidding|\bonly joking|\bi'm joking|\bis a long way off)/,
  person:
    /\b(?:i|i'm|i've|i'd|i'll|my|me|mine|we|we're|our|myself|he|he's|she|she's|they|they're|his|her|their|him|them|you|your|husband|wife|son|daughter|grandson|granddaughter|brother|sister|mother|father|mum|mom|dad|niece|nephew|cousin|aunt|uncle|friend|neighbou?r|lady|man|woman|people|doctor|nurse|dog|cat|boy|girl|who)\b/g,
  self: /^(?:i|i'm|i've|i'd|i'll|my|me|mine|we|we're|our|myself)$/,
  fiction:
    /\b(?:in (?:the|a|this|that|my|one)(?: \w+)? (?:film|movie|show|book|story|novel|series|play|programme|program|soap|serial|episode|paper|newspaper|song|game)|on (?:tv|t v|television|the telly|the tele|the news|the radio|my (?:show|program|programme|soap))|(?:dreamt|dreamed|a dream|(?:in|of) (?:the|my|this) dream|nightmare)|the (?:actor|actress|character|detective|villain|hero)|(?:read|reading|watched|watching|saw) (?:about|a (?:film|movie|show|story|programme|mystery)|the (?:film|movie|show)))\b/,
  longAgo:
    /\b(?:when (?:i|we) (?:was|were)(?: just| only| still| about| very)* (?:a |an )?(?:\w+ )?(?:young|younger|little|small|girl|boy|child|kid|lad|lass|baby|teenager|at school|in school|in the (?:army|navy|war)|in college|married|five|six|seven|eight|nine|ten|\w+teen|twenty|thirty|\d{1,2})|(?:many |\w+ty |\d\d )?years ago|decades ago|ages ago|as a (?:child|kid|girl|boy|teenager|young \w+)|back in (?:19\d\d|the (?:\w+ies|\d0s|day|war))|in (?:19\d\d|nineteen \w+)|during the war|in my (?:youth|twenties|thirties|younger days|day|childhood)|in those days|(?:the|my) (?:kids|children|boys|girls) were (?:young|little|small)|long (?:time )?ago)\b/,
  lately:
    /\b(?:now|today|tonight|this (?:morning|afternoon|evening|week)|yesterday|last night|again|still|just|since|these days|keep|always|every)\b/,
  returning:
    /\b(?:(?:and|but|so) (?:right |just )?now|but (?:i|i'm|i've|my)|(?<=\b(?:watching|listening to) (?:the |my )?(?:tv|t v|television|telly|news|radio)(?: on (?:the )?(?:tv|t v|television|telly|radio))?,? )(?:and|when))\b/g,
  turn: /\b(?:and|but|because|while|when|after|before|until|so)\b|, (?=(?:i|we|he|she|they|it|there|someone|somebody)\b)/g,
  aside:
    /(?:\b(?:and|but|because|while|when|as)|,) (?:i|we)(?:'m| was| am|'re| were| are)\b(?! (?:watching|reading) (?:it|that|this|about))/,
  dreamt: /\b(?:dreamt|dreamed|had (?:a|this|the|that)(?: \w+)? (?:dream|nightmare))\b/,
};

export const GRAMMAR_ES: Grammar = {
  frame:
    /(?<!no se |se sabe |como |hasta )\b(?:si|por si|en caso de que|aunque|no (?:es )?que|no creo que|sone que|he sonado que|imagina|imagine que|como si|para que no|ni) (?:un dia |yo |alguna vez )?$/,
  negation:
    /(?:\b(?:no|sin|nunca|jamas|ni|tampoco|ningun|ninguna|nada de)(?: (?:tengo|tuve|he tenido|tenia|siento|noto|hay|habia|me|estoy|soy|es|quiero|voy a|he|huele|tanto|tan|muy|ningun|ninguna|de|la|el|un|una|sido|estado|sentido|encuentro|siento))* )$/,
  ownSubject: /^(?:no|nadie|yo|mi|mis|nada|apenas|ya no|hay|alguien|un|una|casi)\b/,
  clauseBreak: /[,;:.!?]|\b(?:pero|porque|aunque|y (?:ahora|luego|me|mi|hay)|asi que|cuando)\b/g,
  takenBack:
    /^[a-z0-9 ]{0,40},? ?(?:\bpero (?:era|fue|solo era)(?: solo)? (?:el|la|mi|un)|\bes broma)/,
  person:
    /\b(?:yo|me|mi|mis|mio|conmigo|tengo|tuve|siento|estoy|noto|nosotros|ell|ella|ellos|ellas|le|les|su|sus|usted|tu|marido|esposo|esposa|mujer|hij[oa]|niet[oa]|herman[oa]|padre|madre|amig[oa]|vecin[oa]|senor[a]?|medic[oa]|doctor[a]?|enfermera|gente|perr[oa]|gat[oa])\b/g,
  self: /^(?:yo|me|mi|mis|mio|conmigo|tengo|tuve|siento|estoy|noto|nosotros)$/,
  fiction:
    /\b(?:en (?:la|una|el|un|mi|esa|ese) (?:pelicula|serie|novela|libro|historia|telenovela|programa|cuento|periodico|juego)|en (?:la )?(?:tele|television|radio)|en las noticias|(?:sone|sonado|un sueno|una pesadilla)|(?:lei|vi|viendo|leyendo) (?:una|la) (?:pelicula|serie|novela))\b/,
  longAgo:
    /\b(?:cuando (?:yo )?(?:era|eramos|tenia)(?: muy| tan| mas| un| una| \w+)? (?:nin[oa]s?|joven(?:es)?|pequen[oa]s?|chic[oa]|crio|cria|anos)|hace (?:muchos |\w+ |\d+ )?(?:anos|decadas)|hace mucho(?: tiempo)?|de (?:nin[oa]|joven|pequen[oa])|en (?:mi juventud|mi infancia|aquella epoca|aquellos tiempos|la guerra|mil novecientos|19\d\d|los anos))\b/,
  lately:
    /\b(?:ahora|hoy|esta (?:noche|manana|tarde|semana)|ayer|anoche|otra vez|todavia|sigue|desde|acabo|cada|siempre)\b/,
  returning:
    /\b(?:(?:y|pero|asi que) (?:ahora|yo|ya|me|mi|hay|huele|huelo)|(?<=\b(?:viendo|escuchando) (?:la |las |el )?(?:tele|television|noticias|radio)(?: en la (?:tele|television|radio))?,? )(?:y|cuando))\b/g,
  turn: /\b(?:y|pero|porque|mientras|cuando|despues|antes|hasta)\b|, (?=(?:yo|me|hay|alguien|pase|fui|estuve|estoy|estaba)\b)/g,
  aside:
    /(?:\b(?:y|pero|porque|mientras|cuando)|,) (?:yo )?(?:estaba|estoy|estabamos|estamos|veia|veiamos)\b/,
  dreamt: /\b(?:sone|sonado|(?:tuve|tenido) (?:un|una)(?: \w+)? (?:sueno|pesadilla))\b/,
};

const LOOK_BACK_CHARS = 100;

/** What still matters when it was long ago. */
const LASTING: ReadonlySet<string> = new Set([
  'end-of-life',
  'burden',
  'loss',
  'loneliness',
  'emotion-negative',
]);

type Match = { readonly index: number; readonly text: string };

/** What is left of a rule's severity where it matched; undefined when nothing is. */
export function severityAt(
  rule: Rule,
  folded: string,
  match: Match,
  grammar: Grammar,
): Rule['severity'] | undefined {
  const before = folded.slice(Math.max(0, match.index - LOOK_BACK_CHARS), match.index);
  const about = rule.severity === 'high' ? sinceReturning(folded, match.index, grammar) : folded;
  if (rule.unless?.test(about)) return undefined;
  if (rule.unlessNear?.test(clauseOf(folded, match, grammar))) return undefined;
  if (rule.denial === 'asserted') return rule.severity;
  if (isDenied(rule, before, match.text, grammar)) return undefined;
  if (grammar.takenBack.test(folded.slice(match.index + match.text.length))) return undefined;
  if (rule.denial === 'state' && !isOwn(before, match.text, grammar)) return undefined;
  if (rule.reported === true && isFiction(about, folded, match, grammar)) return undefined;
  if (rule.severity === 'low' || !isLongAgo(folded, grammar)) return rule.severity;
  // Whoever once wished to die is asked about it; whoever once fell off a horse is not.
  return LASTING.has(rule.category) ? 'medium' : undefined;
}

/** What may make a match harmless. "I saw it on the news, and now he isn't breathing" is no news. */
function sinceReturning(folded: string, index: number, grammar: Grammar): string {
  const back = [...folded.slice(0, index).matchAll(grammar.returning)].at(-1);
  return back ? folded.slice(back.index) : folded;
}

/** The clause a match stands in. */
function clauseOf(folded: string, match: Match, grammar: Grammar): string {
  const end = match.index + match.text.length;
  const turns = [...folded.matchAll(grammar.turn)].map((turn) => turn.index);
  const from = turns.findLast((at) => at < match.index) ?? 0;
  return folded.slice(from, turns.find((at) => at >= end) ?? folded.length);
}

/**
 * Told of a film, a book or a dream. What happens to the caller is so only where its own clause says
 * so: "I was watching a film and someone broke into my house" is no film.
 */
function isFiction(about: string, folded: string, match: Match, grammar: Grammar): boolean {
  const end = match.index + match.text.length;
  const aside = grammar.aside.exec(folded.slice(end));
  const to = aside ? end + aside.index : folded.length;
  const isOwnMatter = match.text.split(' ').some((word) => grammar.self.test(word));
  let from = folded.length - about.length;
  if (isOwnMatter && !grammar.dreamt.test(folded.slice(0, match.index))) {
    for (const turn of folded.matchAll(grammar.turn)) {
      if (turn.index < match.index && !turn[0].startsWith(',')) from = Math.max(from, turn.index);
    }
  }
  return grammar.fiction.test(folded.slice(from, to));
}

function isDenied(rule: Rule, before: string, match: string, grammar: Grammar): boolean {
  if (grammar.frame.test(before)) return true;
  if (rule.denial === 'clause' && grammar.ownSubject.test(match)) return false;
  if (grammar.ownSubject.test(match) && /^(?:i|i'm|i've|my)\b/.test(match)) return false;
  const breaks = [...before.matchAll(grammar.clauseBreak)].at(-1);
  const clause = breaks ? before.slice(breaks.index + breaks[0].length) : before;
  return grammar.negation.test(` ${clause}`.replace(/^ +/, ' '));
}

/** The nearest person named up to the match is the caller, or nobody is named. */
function isOwn(before: string, match: string, grammar: Grammar): boolean {
  if (match.split(' ').some((word) => grammar.self.test(word))) return true;
  const nearest = [...before.matchAll(grammar.person)].at(-1);
  return !nearest || grammar.self.test(nearest[0]);
}

function isLongAgo(folded: string, grammar: Grammar): boolean {
  return grammar.longAgo.test(folded) && !grammar.lately.test(folded);
}
