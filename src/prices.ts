/**
 * What calls cost, roughly, in US dollars: list prices for the metrics' and traces' estimates. The
 * vendors' invoices are the truth. One table, so that a new price is one line.
 */
import type { Operation, Usage } from './call-operations.ts';
import type { Vendor } from './errors.ts';

export type PriceList = {
  /** Per million tokens. */
  readonly tokens: Partial<
    Record<Vendor, { input: number; cacheRead: number; cacheWrite: number; output: number }>
  >;
  /** Per thousand characters. */
  readonly characters: Partial<Record<Vendor, number>>;
  /** Per minute of a call. */
  readonly minutes: Partial<Record<Vendor, number>>;
};

export const LIST_PRICES: PriceList = {
  tokens: {
    // Claude Haiku 5.5 up to 100,000 tokens of prompt; cache writes cost 1.25 times, reads a tenth.
    claude: { input: 0.1, cacheRead: 0.01, cacheWrite: 0.125, output: 0.5 },
    // Gemini's flash-lite class.
    gemini: { input: 0.1, cacheRead: 0.025, cacheWrite: 0.1, output: 0.4 },
  },
  characters: {
    'elevenlabs-socket': 0.05,
    'elevenlabs-http': 0.05,
    'deepgram-aura': 0.03,
  },
  // A ten-minute call: 0.077 for recognition, 0.105 for the carrier.
  minutes: { 'deepgram-flux': 0.0077, 'deepgram-nova': 0.0077, twilio: 0.0105 },
};

export function tokensCostUsd(vendor: Vendor | undefined, usage: Usage): number {
  const price = vendor === undefined ? undefined : LIST_PRICES.tokens[vendor];
  if (!price) return 0;
  const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens } = usage;
  const micros =
    inputTokens * price.input +
    cachedTokens * price.cacheRead +
    cacheWriteTokens * price.cacheWrite +
    outputTokens * price.output;
  return micros / 1e6;
}

export function charactersCostUsd(vendor: Vendor, characters: number): number {
  return ((LIST_PRICES.characters[vendor] ?? 0) * characters) / 1_000;
}

export function minutesCostUsd(vendor: Vendor, durationMs: number): number {
  return ((LIST_PRICES.minutes[vendor] ?? 0) * durationMs) / 60_000;
}

/** What one operation cost; 0 for those that cost by the minute or nothing. */
export function operationCostUsd(operation: Operation): number {
  switch (operation.kind) {
    case 'llm':
      return operation.usage ? tokensCostUsd(operation.vendor, operation.usage) : 0;
    case 'tts':
      return charactersCostUsd(operation.vendor, operation.characters);
    default:
      return 0;
  }
}

/** Carrier and recognition of a whole call, which are paid by the minute. */
export function callCostUsd(durationMs: number): number {
  return minutesCostUsd('twilio', durationMs) + minutesCostUsd('deepgram-flux', durationMs);
}
