import { CALLER_EN } from '../../emulators/speech/voices.ts';
import { pause, said, type Scenario } from '../script.ts';

/** A machine picks up: a short message after the beep, nothing personal, and the line is closed. */
export const voicemail: Scenario = {
  name: 'voicemail',
  title: 'The answering machine',
  about: 'Nobody is in. The machine plays its greeting and a beep, and records what follows.',
  direction: 'outbound',
  person: { name: 'Margaret', phone: '+15555550142', language: 'en' },
  voice: CALLER_EN,
  answers: {
    who: 'machine',
    greeting: [
      said('Hello. I cannot come to the telephone just now.'),
      pause(300),
      said('Please leave your message after the tone.'),
    ],
  },
  steps: [],
  replies: [],
  expect: {
    endedBy: 'server',
    endReason: 'voicemail',
    lastWords: /goodbye/i,
    unheard: /margaret|fall|tablet|medic/i,
    answers: 0,
    machine: true,
  },
  timeoutMs: 60_000,
};
