import { CALLER_EN } from '../../emulators/speech/voices.ts';
import { holding, pause, said, saidPlainly, type Scenario } from '../script.ts';

/** Somebody nobody knows dials the number, talks a little, and puts the phone down. */
export const inbound: Scenario = {
  name: 'inbound',
  title: 'An unknown caller',
  about: 'Walter dials the number out of curiosity, asks who is speaking, and hangs up himself.',
  direction: 'inbound',
  person: { name: 'Walter', phone: '+15555550177', language: 'en' },
  voice: { ...CALLER_EN, pitch: 38 },
  answers: { who: 'person' },
  steps: [
    { kind: 'turn', pieces: [saidPlainly('Hello there. Who am I speaking to?')] },
    {
      kind: 'turn',
      pieces: [
        holding('My name is Walter.'),
        pause(900),
        said('My neighbour gave me this number.'),
      ],
    },
    { kind: 'turn', pieces: [saidPlainly('I used to drive the number nine bus.')] },
    { kind: 'turn', pieces: [said('I have to see to my dinner. Bye for now.')] },
    { kind: 'hang-up', afterQuietMs: 400 },
  ],
  replies: [
    {
      match: /who am i speaking/i,
      reply: 'Hello. I am an AI companion on the telephone. What may I call you?',
    },
    {
      match: /gave me this number/i,
      reply: 'How nice to meet you, Walter. What did you do for a living, if I may ask?',
    },
    {
      match: /nine bus/i,
      reply: 'Oh, a bus driver, my goodness. You must have known everybody in town.',
    },
    { match: /bye for now/i, reply: 'Of course, enjoy your dinner, Walter. Goodbye.' },
  ],
  expect: { endedBy: 'caller', lastWords: /goodbye/i, answers: 4, plainTurns: 2, eagerTurns: 2 },
  timeoutMs: 120_000,
};
