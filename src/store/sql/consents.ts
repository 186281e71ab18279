/** What somebody agreed to, and took back. */
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** Records what somebody agreed to or took back; the latest holds. */
export function consentWith(sealer: Sealer) {
  return async (
    tx: ScopedTransaction,
    seniorId: string,
    consent: {
      readonly kind: 'calls' | 'recording' | 'memory' | 'sharing';
      readonly state: 'given' | 'withdrawn';
      readonly source: 'senior' | 'caregiver' | 'admin';
      /** Who recorded it; undefined: the call itself. */
      readonly recordedBy: string | undefined;
      readonly evidence: string | undefined;
    },
  ): Promise<void> => {
    const id = uuidv7();
    await tx
      .insertInto('consents')
      .values({
        id,
        senior_id: seniorId,
        kind: consent.kind,
        state: consent.state,
        source: consent.source,
        recorded_by: consent.recordedBy ?? null,
        evidence_sealed:
          consent.evidence === undefined
            ? null
            : sealer.seal(
                { table: 'consents', row: id, column: 'evidence_sealed' },
                consent.evidence,
              ),
      })
      .execute();
  };
}
