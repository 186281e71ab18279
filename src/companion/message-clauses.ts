/** Takes a text message apart, so that an order can be told from the same words inside a sentence. */

export type Clause = {
  /** Words with single spaces between them. */
  readonly text: string;
  /** What stands before it in the same sentence. */
  readonly before: string;
  /** What stands behind it in the same sentence. */
  readonly after: string;
  /** Its sentence ends in a question mark. */
  readonly isQuestion: boolean;
};

/** Orders and wishes that begin a clause wherever they stand; older people write without commas. */
const BEGINS =
  / (?=(?:(?:please|pls|plz) (?:(?:just|kindly) )?(?:stop|quit|cease|do not|dont|never|no longer|take|remove|delete)|(?:but|so) (?:(?:please|just|now) )?(?:stop|quit|cease|do not|dont|never|take|remove|delete|no|deje|dejen)|(?:por favor|porfavor|pero|asi que) (?:ya )?(?:deje|dejen|dejes|pare|paren|no|nunca|borre|borren|quite|quiten|saque|saquen|que)|(?:i|we) (?:really |just )?(?:do not want|dont want|no longer want|want you|need you|would like you|ask you|beg you)|(?:ya )?no quiero (?:que|mas|recibir)|quiero que|(?:le|les) (?:pido|ruego) que)\b)/g;
/** What comes behind "and" is an order only where an order or a statement of one's own comes before. */
const BEFORE_AND =
  /^(?:(?:please|por favor|just|ok|now) )*(?:i am|im|ive|i have|go|get|leave|take|remove|delete|hang|shut|stop|quit|do not|dont|enough|estoy|vaya|vayan|dejeme|dejenme|deje|dejen|borre|borren|no me)\b/;
/** "I do not think I want …", "who said please …": the words that follow are not said by themselves. */
const LEADS_ON =
  /\b(?:(?:not|dont|never|didnt|doesnt|wouldnt|no|nunca) (?:\S+ ){0,2}(?:think|believe|mean|meant|say|said|want|wanted|wish|like|hope|ask|asked|tell|told|suppose|imagine|need|creo|creas|crean|pienso|digo|dije|dicho|quiero|quise|pido)|says?|said|saying|writes?|wrote|think|thinks|thought|that|why|who|dice|dicen|dijo|dijeron|escribio|piensa|cree|que|si|if|and|y|or|o|than|as|to|when|cuando|while|because|porque|much|early|late|often|do|how|what|no|ya no)\b\s*$|\b(?:not|dont|never|didnt|wouldnt) (?:\S+ ){0,2}(?:think|believe|mean|meant|say|said|tell|told|suppose|imagine)\b|\bno (?:creo|creas|crean|pienso|digo|dije|he dicho)\b/;

/** Clauses before one that are looked at. */
const NEAR = 12;

/** @param folded lower case, without accents and apostrophes, with its punctuation. */
export function clausesOf(folded: string): Clause[] {
  const clauses: Clause[] = [];
  for (const sentence of folded.match(/[^.!?;\n\r]+\?*/g) ?? []) {
    const isQuestion = sentence.endsWith('?');
    const pieces = sentence
      .split(/[,()¿¡–—]|\s-+\s/)
      .flatMap((part) => split(wordsOf(part)))
      .filter((piece) => piece !== '');
    for (const [index, text] of pieces.entries()) {
      const before = pieces.slice(Math.max(0, index - NEAR), index).join(' ');
      const after = pieces.slice(index + 1, index + 3).join(' ');
      clauses.push({ text, before, after, isQuestion });
    }
  }
  return clauses;
}

function split(words: string): string[] {
  const pieces: string[] = [];
  for (const next of words.split(BEGINS)) {
    const last = pieces.at(-1);
    if (last !== undefined && LEADS_ON.test(last)) pieces.splice(-1, 1, `${last} ${next}`);
    else pieces.push(next);
  }
  return pieces.flatMap((piece) => {
    const [first = '', ...rest] = piece.split(/ (?:and|y) /);
    return rest.length > 0 && BEFORE_AND.test(first) ? [first, ...rest] : [piece];
  });
}

function wordsOf(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim();
}
