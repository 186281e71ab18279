import { CALLER_EN } from '../../emulators/speech/voices.ts';
import type { Scenario } from '../script.ts';

/** Somebody picks up and says nothing: asked twice, then a spoken goodbye. */
export const silent: Scenario = {
  name: 'silent',
  title: 'A silent line',
  about: 'The phone is picked up and nobody speaks. The companion asks twice and says goodbye.',
  direction: 'outbound',
  person: { name: 'Margaret', phone: '+15555550142', language: 'en' },
  voice: CALLER_EN,
  answers: { who: 'person' },
  steps: [],
  replies: [],
  expect: { endedBy: 'server', endReason: 'idle', lastWords: /goodbye/i, answers: 0 },
  timeoutMs: 90_000,
};
