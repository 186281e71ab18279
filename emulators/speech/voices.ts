import type { Voice } from './types.ts';

/** The callers: older women who take their time. */
export const CALLER_EN: Voice = { name: 'en-gb', wordsPerMinute: 125, pitch: 68 };
export const CALLER_ES: Voice = { name: 'es', wordsPerMinute: 125, pitch: 68 };
/** The companion, as the emulated voice vendor renders it. */
export const COMPANION_EN: Voice = { name: 'en-us', wordsPerMinute: 160, pitch: 52 };
export const COMPANION_ES: Voice = { name: 'es-419', wordsPerMinute: 160, pitch: 52 };
