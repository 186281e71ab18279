/**
 * Calls that once broke a promise, shrunk and named after what went wrong. `npm run simulate` prints
 * such a line for every seed that fails.
 */
import type { Omission } from './shrink.ts';

export type Pinned = { readonly name: string; readonly seed: number; readonly omit: Omission };

export const PINNED: readonly Pinned[] = [
  {
    name: 'a turn that was merged with the one before got a fresh allowance of drafts',
    seed: 1,
    omit: { faults: ['partials-dropped', 'mind-slow', 'mind-stalls'], acts: [0, 2, 3, 4, 5] },
  },
  {
    name: 'the voice failed for a reply and the caller heard nothing at all',
    seed: 119,
    omit: {
      faults: [
        'finals-empty',
        'ears-fall-back',
        'mind-late',
        'tools',
        'voice-late',
        'partials-dropped',
        'events-doubled',
        'ears-stall',
        'mind-stalls',
        'mind-fails',
      ],
      acts: [1, 2, 3],
    },
  },
  {
    name: 'speech was cancelled at the end of a call and the carrier played on',
    seed: 10,
    omit: {
      faults: ['tools-fail', 'voice-late', 'marks-late', 'marks-lost', 'hang-up-unconfirmed'],
      acts: [1, 2],
    },
  },
  {
    name: 'the voice failed in mid-reply and words that were never made counted as heard',
    seed: 11,
    omit: {
      faults: ['partials-dropped', 'finals-late', 'ears-fall-back', 'voice-late'],
      acts: [1, 2, 3, 4, 5, 6, 7],
    },
  },
  {
    name: 'the carrier was cleared before a cancelled reply had stopped being sent',
    seed: 69,
    omit: { faults: ['tools'], acts: [0, 1, 2, 4, 5, 6, 7, 8, 9, 10] },
  },
  {
    name: 'the voice failed for a draft and the model went on unasked beside the next request',
    seed: 107,
    omit: { faults: ['finals-empty', 'tools-fail', 'hang-up-unconfirmed'], acts: [1] },
  },
  {
    name: 'words that came after their turn was closed as wordless were dropped as stale',
    seed: 154,
    omit: { faults: ['tools-fail', 'marks-lost'], acts: [1, 2, 3, 4, 5, 6, 7, 8] },
  },
  {
    name: 'a hold outlived the stream on which it was ordered',
    seed: 529,
    omit: { faults: ['marks-late'], acts: [4, 6, 7] },
  },
  {
    name: 'the next turn was answered while a tool of the last one still ran',
    seed: 878,
    omit: { faults: ['voice-untimed'], acts: [4, 5, 6, 7, 8, 9, 10] },
  },
  {
    name: 'words over a running tool did not cancel it',
    seed: 988,
    omit: { faults: ['marks-lost'], acts: [1, 4, 5, 6, 7, 8] },
  },
  {
    name: 'each round of tools began the count of silence anew',
    seed: 240,
    omit: { faults: ['finals-late', 'ears-fall-back'], acts: [1, 2, 3, 4] },
  },
  {
    name: 'a promoted draft that only called a tool blocked the way out for ever',
    seed: 1124,
    omit: {
      faults: ['events-doubled', 'finals-late', 'tools-fail', 'marks-late'],
      acts: [0, 1, 2, 4, 5, 6, 7],
    },
  },
  {
    name: 'a mark that was late on its way was taken for sound',
    seed: 1369,
    omit: { faults: ['finals-late', 'mind-stalls', 'hang-up-unconfirmed'], acts: [] },
  },
  {
    name: 'a request that only called a tool settled before its end blocked the way out',
    seed: 53844,
    omit: { faults: ['ears-fall-back', 'mind-late', 'marks-lost'], acts: [2] },
  },
  {
    name: 'cancelling one reply let the next in line out before it was cancelled too',
    seed: 57636,
    omit: { faults: ['events-doubled', 'finals-empty', 'voice-untimed'], acts: [1, 5, 7] },
  },
  {
    name: 'the call was finished while the end of a turn was still waited for, and its words were lost',
    seed: 124118,
    omit: { faults: ['voice-fails', 'marks-late', 'tools', 'tools-fail'], acts: [7, 8] },
  },
  {
    name: 'a caller who was cut in on told of a fall, and no alert was raised',
    seed: 1072,
    omit: {
      faults: ['mind-stalls', 'voice-slow', 'voice-untimed', 'marks-lost', 'hang-up-unconfirmed'],
      acts: [1, 2, 3, 4, 5, 6, 7, 8],
    },
  },
  {
    name: 'a protected line that began again after a clear forgot what had been heard of it',
    seed: 12049,
    omit: { faults: [], acts: [] },
  },
];
