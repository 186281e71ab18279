/**
 * Whose call it is. The calling number is all there is to know a caller by, and it can be forged; the
 * carriers say how sure they are of it (STIR/SHAKEN, Twilio's `StirVerstat`).
 */
import { withoutPersonalData, type Person } from '../src/companion/person.ts';

/** What is needed to speak to a caller as the person whose number calls. */
export type CallerTrust =
  /** That the carriers do not say that it is forged. */
  | 'unless-failed'
  /** That the calling carrier vouches for it: level A. */
  | 'attested';

const PASSED_FULLY = 'TN-Validation-Passed-A';
/** Alone or with a level. */
const FAILED = 'TN-Validation-Failed';

/**
 * The person as far as the caller may be taken for them. Where that is not sure, they are spoken to
 * without anything personal; the call is still theirs, so that a cry for help reaches their family.
 * @param verdict `StirVerstat`; undefined: the carriers say nothing.
 */
export function asSureAs(person: Person, verdict: string | undefined, trust: CallerTrust): Person {
  return isSure(verdict, trust) ? person : withoutPersonalData(person);
}

export function isSure(verdict: string | undefined, trust: CallerTrust): boolean {
  if (verdict?.startsWith(FAILED) === true) return false;
  return trust === 'unless-failed' || verdict === PASSED_FULLY;
}
