/** Keys and the characters they may still spend. */
export type Ledger = {
  readonly accepts: (apiKey: string | undefined) => boolean;
  /** Books characters; false when the quota does not hold them. */
  readonly spend: (characters: number) => boolean;
};

/**
 * @param apiKey the only accepted key; any non-empty one when undefined.
 * @param quotaChars characters until `quota_exceeded`; no limit when undefined.
 */
export function createLedger(apiKey: string | undefined, quotaChars: number | undefined): Ledger {
  let left = quotaChars ?? Number.POSITIVE_INFINITY;
  return {
    accepts: (key) => key !== undefined && key !== '' && (apiKey === undefined || key === apiKey),
    spend: (characters) => {
      if (characters > left) return false;
      left -= characters;
      return true;
    },
  };
}
