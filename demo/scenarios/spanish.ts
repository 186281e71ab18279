import { CALLER_ES } from '../../emulators/speech/voices.ts';
import { holding, pause, said, saidPlainly, type Scenario } from '../script.ts';

/** The same manners in Spanish: pauses, a nod, an interruption, a fall, a goodbye. */
export const spanish: Scenario = {
  name: 'spanish',
  title: 'Una llamada a Carmen',
  about: 'Carmen speaks Spanish, nods along, mentions a fall, interrupts once, and hangs up.',
  direction: 'outbound',
  person: { name: 'Carmen', phone: '+15555550188', language: 'es' },
  voice: CALLER_ES,
  answers: { who: 'person' },
  steps: [
    { kind: 'turn', pieces: [saidPlainly('Hola, hija. Pues aquí estoy, con mis plantas.')] },
    {
      kind: 'turn',
      pieces: [
        holding('Las tengo en el balcón,'),
        pause(1_000),
        said('y están muy bonitas este año.'),
      ],
    },
    { kind: 'backchannel', pieces: [said('Ajá.')], afterWords: 7 },
    { kind: 'turn', pieces: [saidPlainly('El martes me caí en la cocina, pero no fue nada.')] },
    {
      kind: 'interruption',
      pieces: [saidPlainly('Espera, espera. No le digas nada a mi hijo.')],
      afterWords: 8,
      triggerWord: 0,
    },
    { kind: 'turn', pieces: [said('Bueno, hija, te dejo ya. Hasta mañana.')] },
    { kind: 'hang-up', afterQuietMs: 400 },
  ],
  replies: [
    {
      match: /mis plantas/i,
      reply: 'Qué alegría, Carmen. ¿Y dónde tiene usted las plantas?',
    },
    {
      match: /balcón/i,
      reply:
        'Me encantaría verlas con el sol de la mañana. Dicen que las plantas crecen mejor cuando alguien les habla todos los días. ¿Qué más me cuenta?',
    },
    {
      match: /me caí/i,
      reply:
        'Ay, lo siento mucho, Carmen. Una caída siempre es un susto, y me gustaría que su familia lo supiera para que vengan a verla. ¿Le duele algo?',
    },
    {
      match: /digas nada/i,
      reply: 'Sí, la entiendo, Carmen. Lo importante es que usted esté bien.',
    },
    { match: /te dejo ya/i, reply: 'Ha sido un gusto hablar con usted. Hasta mañana, Carmen.' },
  ],
  expect: {
    endedBy: 'caller',
    alert: 'fall',
    lastWords: /hasta mañana/i,
    answers: 5,
    plainTurns: 2,
    eagerTurns: 2,
  },
  timeoutMs: 150_000,
};
