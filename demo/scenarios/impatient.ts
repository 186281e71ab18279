import { CALLER_EN } from '../../emulators/speech/voices.ts';
import { said, saidPlainly, type CallerStep, type Scenario } from '../script.ts';

function interrupts(text: string, afterWords: number, triggerWord: number): CallerStep {
  return { kind: 'interruption', pieces: [saidPlainly(text)], afterWords, triggerWord };
}

/** A caller in a hurry, who interrupts six times: early, late, and twice running. */
export const impatient: Scenario = {
  name: 'impatient',
  title: 'An impatient caller',
  about: 'Dorothy wants one thing explained and interrupts six times on the way.',
  direction: 'outbound',
  person: { name: 'Dorothy', phone: '+15555550163', language: 'en' },
  voice: { ...CALLER_EN, wordsPerMinute: 150 },
  answers: { who: 'person' },
  steps: [
    { kind: 'turn', pieces: [said('Yes, hello. Tell me how to make a proper soup.')] },
    interrupts('Wait. What kind of onions?', 8, 0),
    interrupts('Stop. I only have carrots.', 3, 0),
    interrupts('No, listen. Carrots and a leek.', 12, 1),
    interrupts('Hold on, how much water is that?', 5, 1),
    interrupts('My pot is not that big, dear.', 10, 2),
    interrupts('Wait, wait. For how long, did you say?', 2, 0),
    { kind: 'turn', pieces: [said('That will do nicely. Goodbye for now.')] },
    { kind: 'hang-up', afterQuietMs: 400 },
  ],
  replies: [
    {
      match: /proper soup/i,
      reply:
        'With pleasure. You start with onions in a little butter, on a low heat, until they are soft and golden and the whole kitchen smells of Sunday.',
    },
    {
      match: /kind of onions/i,
      reply:
        'Any kind will do. The plain yellow ones are best, because they turn sweet when they are cooked slowly and do not fall apart.',
    },
    {
      match: /only have carrots/i,
      reply:
        'Then carrots it is. Peel them and cut them into thin rounds, and let them sweat in the butter for about ten minutes before the water goes in.',
    },
    {
      match: /and a leek/i,
      reply:
        'Even better, a leek gives it body. Wash it well, slice it finely, and let it soften together with the carrots before you add two pints of water.',
    },
    {
      match: /how much water/i,
      reply:
        'Two pints, which is about four large cups. It looks like a lot at first, but a good part of it boils away while the vegetables are cooking.',
    },
    {
      match: /not that big/i,
      reply:
        'Then half of everything is plenty. One pint of water, two carrots and half of the leek, and let it all simmer gently for half an hour.',
    },
    { match: /how long/i, reply: 'Half an hour, on a low heat, with the lid on.' },
    { match: /do nicely/i, reply: 'Enjoy your soup, Dorothy. Goodbye.' },
  ],
  expect: { endedBy: 'caller', lastWords: /goodbye/i, answers: 8, plainTurns: 4 },
  timeoutMs: 150_000,
};
