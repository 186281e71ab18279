/**
 * The companion's fixed lines. Several wordings of one line are used in turn. None says that anybody
 * is told or that help comes: alerts are written down, and nothing sends them yet.
 */
import type { LineId } from '../conversation/types.ts';

export type Lines = Readonly<Record<LineId, readonly string[]>>;

const EN: Omit<Lines, 'greeting'> = {
  filler: ['Let me think a moment.', 'Just a moment, dear.', 'Let me see.'],
  checking: ['Let me look that up for you.', 'One moment, I will check.'],
  trouble: [
    "I'm sorry, I lost my train of thought. Could you say that again for me?",
    "I'm sorry, I'm a little slow just now. Please, tell me once more.",
  ],
  'lost-thread': ["I'm sorry, I lost my thread there. What were you saying?"],
  'did-not-catch': ["I didn't quite catch that. Could you say it once more?"],
  'still-there': ['Are you still there?', 'Take your time. Are you still with me?'],
  'cannot-hear': ["I can't hear you just now. If you are there, please say hello."],
  'still-with-you': [
    'I am still with you. If you need help, call 911, or call out for somebody near you.',
    'I am staying on the line. Say anything at all when you can.',
  ],
  goodbye: ['Goodbye for now. Take good care of yourself.'],
  'idle-goodbye': ["I still can't hear you, so I'll let you go for now. Take care, goodbye."],
  'cut-in': ['Let me just stop you there for a moment.'],
  'time-goodbye': [
    'We have talked for a good while, and I have to go now. Take good care. Goodbye.',
  ],
  'drain-goodbye': ["I'm so sorry, I have to stop here. I'll be in touch again soon. Goodbye."],
  'lost-you': ['Sorry, I lost you for a moment.'],
  keypad: [
    "I'm sorry, I can't hear you properly. In an emergency, hang up and call 911. To leave word for your family, press one.",
  ],
  'help-coming': [
    'If it is urgent, please hang up and call 911 now. I have written down for your family that you need help.',
  ],
  voicemail: [
    'Hello, this is your phone companion. I just called to say hello. I will try again later. Goodbye.',
  ],
};

const ES: Omit<Lines, 'greeting'> = {
  filler: ['Déjeme pensar un momento.', 'Un momentito.', 'A ver.'],
  checking: ['Déjeme mirarlo.', 'Un momento, lo compruebo.'],
  trouble: [
    'Perdone, he perdido el hilo. ¿Me lo puede decir otra vez?',
    'Perdone, hoy voy un poco lenta. Dígamelo una vez más, por favor.',
  ],
  'lost-thread': ['Perdone, he perdido el hilo. ¿Qué me decía?'],
  'did-not-catch': ['No le he entendido bien. ¿Me lo repite, por favor?'],
  'still-there': ['¿Sigue usted ahí?', 'Sin prisa. ¿Sigue conmigo?'],
  'cannot-hear': ['Ahora no le oigo. Si está ahí, dígame hola, por favor.'],
  'still-with-you': [
    'Sigo con usted. Si necesita ayuda, llame al 911 o llame a alguien que esté cerca.',
    'No cuelgo, sigo aquí. Dígame lo que sea cuando pueda.',
  ],
  goodbye: ['Hasta pronto. Cuídese mucho.'],
  'idle-goodbye': ['Sigo sin oírle, así que le dejo por ahora. Cuídese, adiós.'],
  'cut-in': ['Déjeme interrumpirle un momento.'],
  'time-goodbye': ['Hemos hablado un buen rato y ahora tengo que irme. Cuídese mucho. Adiós.'],
  'drain-goodbye': ['Lo siento mucho, tengo que dejarlo aquí. Volveré a llamar pronto. Adiós.'],
  'lost-you': ['Perdone, se ha cortado un momento.'],
  keypad: [
    'Perdone, no le oigo bien. Si es una emergencia, cuelgue y llame al 911. Para dejarlo anotado para su familia, pulse el uno.',
  ],
  'help-coming': [
    'Si es urgente, cuelgue y llame ahora al 911. He dejado anotado para su familia que necesita ayuda.',
  ],
  voicemail: [
    'Hola, soy su compañera telefónica. Llamaba solo para saludar. Volveré a llamar más tarde. Adiós.',
  ],
};

/** Every line of a call, with its own greeting. */
export function linesFor(language: 'en' | 'es', greeting: string): Lines {
  return { ...(language === 'es' ? ES : EN), greeting: [greeting] };
}

/** Lines that any call may need without warning; worth synthesising before they are. */
export function commonLines(language: 'en' | 'es'): readonly string[] {
  return Object.values(language === 'es' ? ES : EN).flat();
}
