/** Whom an alert is to be told, in the order in which the family wants to be asked. */
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type Channel = 'sms' | 'voice' | 'email' | 'push';

export type PlannedDeliveries = {
  /** Undefined: there is no such alert. */
  readonly severity: 'low' | 'medium' | 'high' | undefined;
  readonly seniorId: string | undefined;
  /** Deliveries that there are now; 0: nobody can be told. */
  readonly planned: number;
  /** Of these, made just now. */
  readonly isNew: number;
  /** Nobody is told before one of us has released it. */
  readonly isHeld: boolean;
};

const CHANNELS: ReadonlySet<string> = new Set<Channel>(['sms', 'voice', 'email', 'push']);
/** The next contact is asked when the one before has had this long to answer. */
const ESCALATE_AFTER_MS = 5 * 60_000;
const MAX_CONTACTS = 50;

/**
 * Makes the deliveries of an alert that are not there yet: one for each caregiver of the senior, the
 * first contact's due at once and each next one's later, except for those whom the caller accuses.
 * Twice is the same as once. An alert that was seen to already gets none,
 * nor does one that is held.
 */
export async function planDeliveries(
  tx: ScopedTransaction,
  alertId: string,
): Promise<PlannedDeliveries> {
  // Locked: of two who plan at once the second sees what the first has made.
  const alert = await tx
    .selectFrom('alerts')
    .select(['senior_id', 'severity', 'state', 'withheld_from', 'raised_at'])
    .select(['held', 'released_at'])
    .where('id', '=', alertId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  const isHeld = alert?.held === true && alert.released_at === null;
  const about = { severity: alert?.severity, seniorId: alert?.senior_id ?? undefined, isHeld };
  if (alert?.senior_id == null || alert.state !== 'open' || isHeld) {
    return { ...about, planned: 0, isNew: 0 };
  }
  const made = await tx
    .selectFrom('alert_deliveries')
    .select(['caregiver_id', 'step'])
    .where('alert_id', '=', alertId)
    .execute();
  const told = new Set([...made.map((each) => each.caregiver_id), ...alert.withheld_from]);
  let step = Math.max(0, ...made.map((each) => each.step));
  let isNew = 0;
  for (const contact of await contactsOf(tx, alert.senior_id)) {
    const channel = channelFor(contact);
    if (told.has(contact.id) || channel === undefined) continue;
    step += 1;
    isNew += 1;
    const dueAtMs = alert.raised_at.getTime() + (step - 1) * ESCALATE_AFTER_MS;
    await tx
      .insertInto('alert_deliveries')
      .values({
        id: uuidv7(),
        alert_id: alertId,
        caregiver_id: contact.id,
        channel,
        step,
        next_attempt_at: new Date(dueAtMs),
      })
      .execute();
  }
  return { ...about, planned: made.length + isNew, isNew };
}

/** In the family's order. */
async function contactsOf(tx: ScopedTransaction, seniorId: string) {
  return await tx
    .selectFrom('care_links')
    .innerJoin('caregivers', 'caregivers.id', 'care_links.caregiver_id')
    .select(['caregivers.id', 'caregivers.notify', 'caregivers.phone_sealed'])
    .select('caregivers.email_sealed')
    .where('care_links.senior_id', '=', seniorId)
    .where('care_links.ended_at', 'is', null)
    .orderBy('care_links.contact_rank')
    .orderBy('caregivers.id')
    .limit(MAX_CONTACTS)
    .execute();
}

/** What they asked for, where it can reach them; else what can. Undefined: nothing can. */
function channelFor(contact: {
  readonly notify: Record<string, unknown>;
  readonly phone_sealed: Buffer | null;
  readonly email_sealed: Buffer | null;
}): Channel | undefined {
  const possible: Channel[] = [
    ...(contact.phone_sealed === null ? [] : (['sms', 'voice'] as const)),
    ...(contact.email_sealed === null ? [] : (['email'] as const)),
    'push',
  ];
  const wanted = contact.notify['channel'];
  if (typeof wanted === 'string' && CHANNELS.has(wanted)) {
    const chosen = possible.find((channel) => channel === wanted);
    if (chosen !== undefined) return chosen;
  }
  return possible[0];
}
