/** What a few words mean for the floor, and what a turn means for the end of the call. */
import { describe, expect, it } from 'vitest';
import {
  goodbye,
  joinText,
  judgeOverlap,
  nod,
  sameWords,
  wordsOf,
  type Goodbye,
  type Language,
  type Overlap,
} from '../../src/conversation/lexicon.ts';

type Heard = readonly [text: string, verdict: Overlap];
type Said = readonly [text: string, meaning: Goodbye];

const OVER_EN: readonly Heard[] = [
  ['', 'nothing'],
  ['...', 'nothing'],
  ['mm-hm', 'backchannel'],
  ['Mm-hmm.', 'backchannel'],
  ['Mhm, mhm.', 'backchannel'],
  ['uh-huh', 'backchannel'],
  ['Yes dear', 'backchannel'],
  ['yes, yes', 'backchannel'],
  ["uh-huh that's right", 'backchannel'],
  ["Yes, that's right.", 'backchannel'],
  ['oh my goodness', 'backchannel'],
  ['Oh my', 'backchannel'],
  ['oh dear', 'backchannel'],
  ['oh I see', 'backchannel'],
  ['I know', 'backchannel'],
  ['of course', 'backchannel'],
  ["oh that's nice", 'backchannel'],
  ['how lovely', 'backchannel'],
  ['oh really?', 'backchannel'],
  ['okay okay', 'backchannel'],
  ['Yeah, I know, dear.', 'backchannel'],
  ['goodness me', 'backchannel'],
  ['fair enough', 'backchannel'],
  ['go on', 'backchannel'],
  ['Ha ha', 'backchannel'],
  ['wait', 'stop'],
  ['Stop.', 'stop'],
  ['no, listen', 'stop'],
  ['No no no', 'stop'],
  ['yes but wait', 'stop'],
  ['oh, hold on', 'stop'],
  ['um, excuse me', 'stop'],
  ['Hang on a second', 'stop'],
  ['just a minute dear', 'stop'],
  ['let me tell you', 'stop'],
  ['please stop', 'stop'],
  ['okay stop', 'stop'],
  ["I can't hear you", 'stop'],
  ['be quiet', 'stop'],
  ['help', 'stop'],
  ['what did you say', 'stop'],
  ['what about the roses', 'content'],
  ['I fell', 'stop'],
  ['I fell in the kitchen', 'stop'],
  ['yes I fell yesterday', 'stop'],
  ['my chest', 'undecided'],
  ['my chest hurts', 'content'],
  ['the garden', 'undecided'],
  ['no', 'undecided'],
  ['what', 'undecided'],
  ['well', 'backchannel'],
  ['but', 'undecided'],
  ['I planted roses', 'content'],
  ['no I went yesterday', 'content'],
  ['yes my daughter came', 'content'],
];

const OVER_ES: readonly Heard[] = [
  ['ajá', 'backchannel'],
  ['sí, sí', 'backchannel'],
  ['Sí, hija', 'backchannel'],
  ['claro que sí', 'backchannel'],
  ['ya veo', 'backchannel'],
  ['qué bonito', 'backchannel'],
  ['Ay, qué bien', 'backchannel'],
  ['vale, vale', 'backchannel'],
  ['madre mía', 'backchannel'],
  ['por supuesto', 'backchannel'],
  ['Espere', 'stop'],
  ['no, escuche', 'stop'],
  ['para, para', 'stop'],
  ['un momento', 'stop'],
  ['sí, pero espere', 'stop'],
  ['perdone', 'stop'],
  ['me caí', 'stop'],
  ['mi hija vino ayer', 'content'],
  ['el jardín', 'undecided'],
  ['para mi hija', 'content'],
  ['no', 'undecided'],
];

const BYE_EN: readonly Said[] = [
  ['Good night', 'strong'],
  ['good night dear, sleep well', 'strong'],
  ['talk to you tomorrow', 'strong'],
  ["I'd better let you go, talk to you tomorrow", 'strong'],
  ["I'll let you go", 'strong'],
  ["Well, I'll let you go now, dear.", 'strong'],
  ["I've got to get going", 'strong'],
  ['I have to go now', 'strong'],
  ['I must be off', 'strong'],
  ['I better get off the phone', 'strong'],
  ['Bye for now', 'strong'],
  ['See you tomorrow', 'strong'],
  ["I'll talk to you later, bye bye", 'strong'],
  ['It was lovely talking to you, goodbye', 'strong'],
  ['Thanks for calling, bye bye', 'strong'],
  ["I'm going to go now", 'strong'],
  ["I'll speak to you on Sunday", 'strong'],
  ["I'm going to bed now, good night", 'strong'],
  ['bye', 'weak'],
  ['Bye bye', 'weak'],
  ['okay, bye', 'weak'],
  ['goodbye dear', 'weak'],
  ['Bye. Oh wait, one more thing', 'weak'],
  ['Good night. Actually, did I tell you about the cat', 'weak'],
  ["I've got to get going but before I go", 'weak'],
  ['talk to you tomorrow, oh wait, what time', 'weak'],
  ['I need to go to the pharmacy', 'none'],
  ['my son said goodbye at the airport', 'none'],
  ['gotta go feed the cat, hold on', 'none'],
  ['I had a good night', 'none'],
  ["I didn't have a good night's sleep", 'none'],
  ['I have to go to the doctor tomorrow', 'none'],
  ['she waved goodbye', 'none'],
  ['I wanted to say goodbye to her', 'none'],
  ['I will see you tomorrow at the church, she said to me', 'none'],
  ["They wouldn't let you go in", 'none'],
  ['I never got to say goodbye', 'none'],
  ['we kissed good night and the war was over', 'none'],
  ["I don't want to go yet", 'none'],
  ["I don't have to go anywhere", 'none'],
  ['he told me he had to get going', 'none'],
  ['have you got to go', 'none'],
  ['hello', 'none'],
  ['', 'none'],
];

const BYE_ES: readonly Said[] = [
  ['Buenas noches', 'strong'],
  ['hasta mañana', 'strong'],
  ['Bueno, hasta luego', 'strong'],
  ['Le dejo ya, que tengo cosas que hacer', 'strong'],
  ['Bueno, te dejo', 'strong'],
  ['me tengo que ir', 'strong'],
  ['hablamos mañana', 'strong'],
  ['adiós', 'weak'],
  ['Bueno, adiós', 'weak'],
  ['Hasta luego. Ah, espere, otra cosa', 'weak'],
  ['tengo que ir a la farmacia', 'none'],
  ['mi hijo dijo adiós en el aeropuerto', 'none'],
  ['pasé muy buenas noches', 'none'],
  ['me tengo que ir a dar de comer al gato, espere', 'none'],
  ['no me quiero ir', 'none'],
  ['hola', 'none'],
];

describe('words over the companion', () => {
  it.each(OVER_EN)('"%s" is %s', (text, verdict) => {
    expect(judgeOverlap(text, 'en')).toBe(verdict);
  });

  it.each(OVER_ES)('"%s" is %s, in Spanish', (text, verdict) => {
    expect(judgeOverlap(text, 'es')).toBe(verdict);
  });

  it('takes a hello into the greeting for no interruption, and a wish to speak for one', () => {
    expect(judgeOverlap('hello? hello?', 'en', true)).toBe('backchannel');
    expect(judgeOverlap('yes, hello dear', 'en', true)).toBe('backchannel');
    expect(judgeOverlap('¿diga?', 'es', true)).toBe('backchannel');
    expect(judgeOverlap('hello wait', 'en', true)).toBe('stop');
    expect(judgeOverlap('hello who is this', 'en', true)).toBe('content');
    expect(judgeOverlap('hello', 'en')).not.toBe('backchannel');
  });

  it('never takes back an interruption when more words come', () => {
    const weight: Record<Overlap, number> = {
      nothing: 0,
      backchannel: 1,
      undecided: 2,
      stop: 3,
      content: 3,
    };
    const all: [string, Language][] = [
      ...OVER_EN.map(([text]): [string, Language] => [text, 'en']),
      ...OVER_ES.map(([text]): [string, Language] => [text, 'es']),
    ];
    const taken = all.filter(([text, language]) => weight[judgeOverlap(text, language)] === 3);
    expect(taken.length).toBeGreaterThan(20);
    for (const [text, language] of taken) {
      const more = judgeOverlap(`${text} and the garden grows`, language);
      expect(weight[more], text).toBe(3);
    }
  });
});

describe('nods', () => {
  it('tells a murmur, which answers nothing, from a yes', () => {
    expect(nod('mm-hm')).toBe('murmur');
    expect(nod('Uh-huh, mm.')).toBe('murmur');
    expect(nod('yes')).toBe('answer');
    expect(nod('Sí, claro.')).toBe('answer');
    expect(nod('yes dear')).toBe('answer');
    expect(nod('no')).toBeUndefined();
    expect(nod('yes it hurts')).toBeUndefined();
    expect(nod('')).toBeUndefined();
  });
});

describe('the end of the call', () => {
  it.each(BYE_EN)('"%s" is %s', (text, meaning) => {
    expect(goodbye(text, 'en')).toBe(meaning);
  });

  it.each(BYE_ES)('"%s" is %s, in Spanish', (text, meaning) => {
    expect(goodbye(text, 'es')).toBe(meaning);
  });
});

describe('words', () => {
  it('are the same whatever their case, punctuation and apostrophes', () => {
    expect(wordsOf("I'm — fine, Mm-HM! ¿Qué tal?")).toEqual(["i'm", 'fine', 'mm-hm', 'qué', 'tal']);
    expect(sameWords('I’m fine.', "i'm FINE")).toBe(true);
    expect(sameWords('I am fine', "I'm fine")).toBe(false);
    expect(sameWords('', '...')).toBe(true);
  });

  it('are joined with one space and nothing for what is empty', () => {
    expect(joinText(' a ', ' b')).toBe('a b');
    expect(joinText('', 'b ')).toBe('b');
    expect(joinText('a', '  ')).toBe('a');
    expect(joinText('', '')).toBe('');
  });
});
