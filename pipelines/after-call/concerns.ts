/** What is grave in an analysis and raised no alert while they spoke raises one now, once. */
import { ACCUSATION, isAccusation } from '../../src/companion/accusations.ts';
import type { Concern } from '../../src/companion/analysing.ts';
import type { StoredAlert } from '../../src/store/sql/alerts.ts';
import type { StoredConversation } from '../../src/store/sql/conversation-types.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import type { AfterCall } from './types.ts';

/** However much a model finds, and however often it looks. Accusations come first. */
const MAX_ALERTS = 3;
const MAX_CATEGORY_CHARS = 60;

type Found = Pick<Concern, 'severity' | 'quote'> & { readonly category: string };
type Raised = Pick<StoredAlert, 'alertKey' | 'category' | 'evidence' | 'held'>;

/**
 * An accusation is raised whatever its severity, because raising it is what keeps the call from those
 * who may be accused. Beside one, whatever else the analysis finds is held too: its words come from
 * the same call.
 */
export async function raiseConcerns(
  after: Pick<AfterCall, 'alerts'> & { readonly jobs: Pick<AfterCall['jobs'], 'enqueueIn'> },
  tx: ScopedTransaction,
  of: { readonly conversation: StoredConversation; readonly language: 'en' | 'es' },
  concerns: readonly Concern[],
): Promise<void> {
  const { callSid, seniorId, direction, startedAtMs, conversationId, endedAtMs } = of.conversation;
  const found = concerns
    .map((concern): Found => {
      const category = isAccusation(concern, of.language) ? ACCUSATION : categoryOf(concern);
      return { category, severity: concern.severity, quote: concern.quote };
    })
    .filter(({ category, severity }) => severity === 'high' || category === ACCUSATION)
    .sort((a, b) => Number(b.category === ACCUSATION) - Number(a.category === ACCUSATION));
  if (found.length === 0) return;
  const raised: Raised[] = await after.alerts.ofConversation(tx, conversationId);
  for (const { category, severity, quote } of found) {
    const own = raised.filter(({ alertKey }) => alertKey.startsWith(`${callSid}/analysis`));
    if (own.length >= MAX_ALERTS) return;
    if (raised.some((alert) => covers(alert, category, quote))) continue;
    const alert = {
      alertKey: `${callSid}/analysis/${category}`,
      turnKey: undefined,
      category,
      severity,
      evidence: quote,
      raisedAtMs: endedAtMs ?? startedAtMs,
      withheldFrom: [],
      held: category === ACCUSATION || raised.some(isHeld),
    };
    raised.push(alert);
    const call = { callSid, seniorId, direction, startedAtMs };
    if (!(await after.alerts.raise(tx, call, alert))) continue;
    const { id: alertId } = await tx
      .selectFrom('alerts')
      .select('id')
      .where('alert_key', '=', alert.alertKey)
      .executeTakeFirstOrThrow();
    await after.jobs.enqueueIn(tx, 'notify', { alertId }, { key: alertId });
  }
}

const isHeld = ({ held }: Raised): boolean => held === true;

/** An accusation is covered by an accusation only: any other alert goes to the family. */
function covers(alert: Raised, category: string, quote: string): boolean {
  if (alert.category === category) return true;
  if (category === ACCUSATION && !isHeld(alert)) return false;
  const [said, known] = [folded(quote), folded(alert.evidence)];
  return (
    said.trim() !== '' && known.trim() !== '' && (known.includes(said) || said.includes(known))
  );
}

/** A model's word for it, as a name. */
function categoryOf({ type }: Concern): string {
  const name = type
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, MAX_CATEGORY_CHARS)
    .replaceAll(/^-+|-+$/g, '');
  return name === '' ? 'other' : name;
}

function folded(text: string): string {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[\p{M}'’]/gu, '');
  return ` ${words.replaceAll(/[^\p{L}\p{N}]+/gu, ' ').trim()} `;
}
