import { CALLER_EN } from '../../emulators/speech/voices.ts';
import { holding, pause, said, saidPlainly, type Scenario } from '../script.ts';

/** An ordinary call, at whatever hour it is: slow speech, a nod, an interruption, a fall, a goodbye. */
export const margaret: Scenario = {
  name: 'margaret',
  title: 'A call to Margaret',
  about:
    'Margaret, 84, speaks slowly, nods along, interrupts once, mentions a fall in passing, and says goodbye.',
  direction: 'outbound',
  person: { name: 'Margaret', phone: '+15555550142', language: 'en' },
  voice: CALLER_EN,
  answers: { who: 'person' },
  steps: [
    { kind: 'turn', pieces: [saidPlainly("Oh, hello dear. I'm not too bad, thank you.")] },
    {
      kind: 'turn',
      pieces: [
        holding('Well, I did sleep,'),
        pause(1_000),
        holding('but I woke up about four,'),
        pause(1_500),
        said('with all that wind.'),
      ],
    },
    {
      kind: 'turn',
      pieces: [said('I did, in the end. I made myself a cup of cocoa.')],
    },
    { kind: 'backchannel', pieces: [said('Mm-hm.')], afterWords: 9 },
    { kind: 'turn', pieces: [saidPlainly('The roses are all right. They are tougher than I am.')] },
    {
      kind: 'turn',
      pieces: [
        holding('I had a little fall in the garden on Tuesday,'),
        pause(1_000),
        said("but I'm fine now."),
      ],
    },
    { kind: 'turn', pieces: [saidPlainly('Just a bruise on my hip. It is nothing, really.')] },
    {
      kind: 'interruption',
      pieces: [saidPlainly("Wait, no, listen. I don't want a fuss made about it.")],
      afterWords: 14,
      triggerWord: 0,
    },
    {
      kind: 'turn',
      pieces: [said('All right then, but tell Susan I am walking about quite happily.')],
    },
    {
      kind: 'turn',
      pieces: [saidPlainly('My grandson Tom is coming on Saturday, and he is bringing the baby.')],
    },
    {
      kind: 'turn',
      pieces: [holding('She is called Rose,'), pause(1_000), said('after my own mother.')],
    },
    {
      kind: 'turn',
      pieces: [saidPlainly("Well, I'd better let you go. Talk to you tomorrow.")],
    },
  ],
  replies: [
    {
      match: /not too bad/i,
      reply: "Good, I'm glad to hear it. Did you get any sleep with the storm outside?",
    },
    {
      // The pause after this invites a draft that nobody will hear.
      match: /about four,?$/i,
      reply: "Oh, that's very early. Was it the storm that woke you?",
    },
    {
      match: /all that wind/i,
      reply: 'Oh, Margaret, that wind was dreadful. Did you manage to drop off again?',
    },
    {
      match: /cup of cocoa/i,
      reply:
        'A cup of cocoa is just the thing on a night like that. There is something lovely about a warm kitchen while the weather does its worst outside. And how are the roses after all that wind?',
    },
    {
      match: /tougher than/i,
      reply: "Well, that's a fine thing to hear. You have looked after them for so many years.",
    },
    {
      match: /little fall/i,
      reply: 'Oh dear, Margaret, I am sorry to hear that. Are you hurt anywhere, or sore?',
    },
    {
      match: /bruise on my hip/i,
      reply:
        'I see, a bruise can be very sore all the same. I would like your daughter Susan to know about it, so that she can come round and have a proper look at you, and perhaps speak to the doctor if it has not settled by the end of the week.',
    },
    {
      match: /want a fuss/i,
      reply:
        'Of course, I hear you. Nobody will make a fuss, but Susan would want to know that you fell.',
    },
    {
      match: /walking about/i,
      reply: 'All right, I will put it just like that. What else is new with you?',
    },
    {
      match: /bringing the baby/i,
      reply: 'Oh, how wonderful, a baby in the house. What is the little one called?',
    },
    {
      match: /my own mother/i,
      reply: 'Oh, what a beautiful name. Your mother would be so proud of the two of you.',
    },
    {
      match: /let you go/i,
      reply:
        'It was lovely to talk to you, Margaret. Look after that hip, and enjoy the baby. Goodbye.',
    },
  ],
  expect: {
    endedBy: 'server',
    endReason: 'goodbye',
    alert: 'fall',
    lastWords: /enjoy the baby\. goodbye/i,
    answers: 10,
    plainTurns: 4,
    eagerTurns: 4,
  },
  timeoutMs: 240_000,
};
