import { monotonicMs } from '../clock.ts';
import type { Call } from './call.ts';
import type { Verb } from './twiml.ts';
import { NEXT, webhookSource, type VerbOutcome } from './verb-outcome.ts';

type GatherVerb = Extract<Verb, { verb: 'Gather' }>;

/**
 * Collects keys while the prompts play (a key stops them) and for `timeout` seconds after the last
 * key. With keys, the action URL is asked; without, the next verb follows.
 */
export async function gather(
  call: Call,
  verb: GatherVerb,
  base: string | undefined,
  runPrompt: (prompt: Verb) => Promise<void>,
): Promise<VerbOutcome> {
  let digits = '';
  let complete = false;
  let wake = (): void => undefined;
  call.onDigit = (digit) => {
    if (complete) return;
    if (digit === verb.finishOnKey) complete = true;
    else digits += digit;
    if (digits.length >= verb.numDigits) complete = true;
    call.line.playout.clear('clear', monotonicMs());
    wake();
  };
  try {
    for (const prompt of verb.prompts) {
      if (digits !== '' || complete || call.interrupted) break;
      await runPrompt(prompt);
    }
    let seen = -1;
    while (!complete && !call.interrupted && seen !== digits.length) {
      seen = digits.length;
      const key = new Promise<void>((resolve) => {
        wake = resolve;
      });
      await Promise.race([key, call.pause(verb.timeoutMs)]);
    }
  } finally {
    call.onDigit = undefined;
  }
  if (call.interrupted || (digits === '' && !verb.actionOnEmptyResult)) return NEXT;
  const source = webhookSource(verb.action, verb.method, 'gather', base, {
    Digits: digits,
    FinishedOnKey: complete && digits.length < verb.numDigits ? verb.finishOnKey : '',
    msg: 'Gather End',
  });
  return { then: 'document', source };
}
