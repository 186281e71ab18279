import type { TwimlSource } from './call.ts';
import type { CallEnd } from './types.ts';

/** What follows a verb. */
export type VerbOutcome =
  | { readonly follow: 'next' }
  | { readonly follow: 'document'; readonly source: TwimlSource }
  | { readonly follow: 'end'; readonly how: CallEnd['how'] };

export const NEXT: VerbOutcome = { follow: 'next' };

/** A URL in TwiML may be relative to the document it stands in. */
export function resolveUrl(url: string, base: string | undefined): string {
  const absolute = /^[a-z][a-z0-9+.-]*:/i.test(url);
  return base === undefined || absolute || !URL.canParse(url, base) ? url : new URL(url, base).href;
}

/** A document to be asked of the server; an empty URL asks the present document's URL again. */
export function webhookSource(
  url: string,
  method: 'GET' | 'POST',
  kind: 'redirect' | 'action' | 'gather',
  base: string | undefined,
  params: Readonly<Record<string, string>> = {},
): TwimlSource {
  const target = url === '' ? (base ?? '') : resolveUrl(url, base);
  return { from: 'url', url: target, method, kind, params };
}
