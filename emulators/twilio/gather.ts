import { monotonicMs } from '../clock.ts';
import type { Call } from './call.ts';
import type { Verb } from './twiml.ts';
import { NEXT, webhookSource, type VerbOutcome } from './verb-outcome.ts';

type GatherVerb = Extract<Verb, { verb: 'Gather' }>;

type Keys = { digits: string; complete: boolean; wake: () => void };

function nothing(): void {}

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
  const keys: Keys = { digits: '', complete: false, wake: nothing };
  call.onDigit = (digit) => {
    if (keys.complete) return;
    if (digit === verb.finishOnKey) keys.complete = true;
    else keys.digits += digit;
    if (keys.digits.length >= verb.numDigits) keys.complete = true;
    call.line.playout.clear('clear', monotonicMs());
    keys.wake();
  };
  try {
    for (const prompt of verb.prompts) {
      if (keys.digits !== '' || keys.complete || call.interrupted) break;
      await runPrompt(prompt);
    }
    await collect(call, keys, verb.timeoutMs);
  } finally {
    call.onDigit = undefined;
  }
  const { digits, complete } = keys;
  if (call.interrupted || (digits === '' && !verb.actionOnEmptyResult)) return NEXT;
  const source = webhookSource(verb.action, verb.method, 'gather', base, {
    Digits: digits,
    FinishedOnKey: complete && digits.length < verb.numDigits ? verb.finishOnKey : '',
    msg: 'Gather End',
  });
  return { follow: 'document', source };
}

/** Waits until the keys are complete, or none comes for `timeoutMs`. */
async function collect(call: Call, keys: Keys, timeoutMs: number): Promise<void> {
  for (;;) {
    if (keys.complete || call.interrupted) return;
    const before = keys.digits.length;
    const key = new Promise<void>((resolve) => {
      keys.wake = resolve;
    });
    await Promise.race([key, call.pause(timeoutMs)]);
    if (keys.digits.length === before) return;
  }
}
