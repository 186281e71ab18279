/**
 * What a text message to the line means for being called. "STOP" and its like are the carriers' own
 * words (Twilio, "Support for opt-out keywords"); older people also write whole sentences.
 *
 * Where it is unclear, it is not a stop: nobody reads these words at once, but a person's family sees
 * the message. Where somebody says it in plain words, it holds, whatever else they say.
 */

/** 'start': the carrier sends them text messages again; it gives us no leave to call. */
export type MessageMeaning = 'stop' | 'start' | 'other';

const STOP_WORDS = new Set(
  `stop stopall stop-all unsubscribe cancel end quit optout opt-out revoke
   parar pare para alto basta baja cancelar cancele cancela detener detenga deten fin terminar`.split(
    /\s+/,
  ),
);
const START_WORDS = new Set(
  'start unstop yes si empezar comenzar inicio iniciar alta'.split(/\s+/),
);
/** May stand beside a word without changing it. */
const MANNERS = /\b(please|thank you|thanks|por favor|gracias|now|ya|ahora)\b/g;

/** Over the message in lower case, without accents, apostrophes and punctuation. */
const STOP_SENTENCES: readonly RegExp[] = [
  /\bstop (calling|phoning|ringing|these calls|the calls|all calls|your calls|with the calls|bothering)\b/,
  /\b(do not|dont|never|no longer) (ever )?(call|phone|ring|telephone) (me|us|here|this number|my (number|phone|house|home|mother|mom|mum|father|dad))\b/,
  /\b(do not|dont) want (you to call|you calling|you to phone|these calls|the calls|your calls|any (more )?(of these |of your )?calls|(any )?more calls|to be called)\b/,
  /\bno more (phone )?calls\b/,
  /\b(take|remove) (me|us|my number|this number) (off|from) (your|the|this) (call )?list\b/,
  /\b(deje|dejen|deja|dejad|paren|pare) (ya )?de (llamar(me|nos)?|molestar(me|nos)?)\b/,
  /\bno (me|nos) (llame|llamen|llames|vuelva a llamar|vuelvan a llamar|vuelvas a llamar|telefonee|telefoneen)\b/,
  /\bno (quiero|deseo|queremos) (mas |recibir |que me )?(mas )?(llamadas|sus llamadas|estas llamadas|llamen|llame|llames)\b/,
  /\bno (mas|quiero mas) llamadas\b/,
  /\b(borre|borren|quite|quiten|saque|saquen)(me| mi numero) de (su|la|esta) lista\b/,
];
/** Turns the sentence round: "please do not stop calling me". */
const TURNED_ROUND =
  /\b(do not|dont|never|please not|dont you|wont you|wouldnt|should not|shouldnt|did not|didnt|hope you (do not|dont|never)|no|nunca|jamas) (ever )?(stop|deje|dejen|deja|dejes|paren|pare|pares) \b|\b(why|when) (did|do|have|would) you (ever )?(stop|stopped)\b/;
/** A message is at most ten segments; a stop is said in few words. */
const MAX_CHARS = 1_600;

/** @param optOut what the carrier itself took the message for (`OptOutType`), where it says so. */
export function meaningOfMessage(text: string, optOut?: string): MessageMeaning {
  if (optOut === 'STOP') return 'stop';
  if (optOut === 'START') return 'start';
  const plain = plainOf(text);
  const word = plain.replaceAll(MANNERS, ' ').replaceAll(/\s+/g, ' ').trim();
  if (STOP_WORDS.has(word)) return 'stop';
  if (START_WORDS.has(word)) return 'start';
  if (TURNED_ROUND.test(plain)) return 'other';
  return STOP_SENTENCES.some((sentence) => sentence.test(plain)) ? 'stop' : 'other';
}

function plainOf(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .normalize('NFKD')
    .replaceAll(/[\p{M}'’`´]/gu, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}-]+/gu, ' ')
    .replaceAll(/(^|\s)-+|-+(?=\s|$)/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
