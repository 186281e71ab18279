/**
 * Who sent a request, for counting and limiting; never for letting anybody in.
 *
 * `X-Forwarded-For` is whatever its sender wrote, except for what proxies of our own have added at its
 * end. So it is read from the right, and only past proxies that were configured.
 */
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

export type SenderOf = (
  req: Pick<IncomingMessage, 'headers'> & {
    readonly socket: { readonly remoteAddress?: string | undefined };
  },
) => string;

/** A chain of proxies is short; a header may hold ten thousand addresses. */
const MAX_HOPS = 10;

/** @param trustedProxies addresses or CIDR ranges; checked when the configuration was read. */
export function senderIn(trustedProxies: readonly string[]): SenderOf {
  const isTrusted = amongProxies(trustedProxies);
  return (req) => {
    let sender = plain(req.socket.remoteAddress ?? '');
    const header = req.headers['x-forwarded-for'];
    const written = Array.isArray(header) ? header.join(',') : (header ?? '');
    const hops = written === '' ? [] : written.split(',').slice(-MAX_HOPS);
    while (isTrusted(sender)) {
      const next = plain(hops.pop()?.trim() ?? '');
      if (isIP(next) === 0) break;
      sender = next;
    }
    return keyOf(sender);
  };
}

/** Who a connection is from, before it has sent anything; undefined: a proxy of our own. */
export function peerIn(
  trustedProxies: readonly string[],
): (socket: { readonly remoteAddress?: string | undefined }) => string | undefined {
  const isTrusted = amongProxies(trustedProxies);
  return ({ remoteAddress }) => {
    const address = plain(remoteAddress ?? '');
    return isTrusted(address) ? undefined : keyOf(address);
  };
}

function amongProxies(ranges: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const family = isIP(address);
    return family !== 0 && trusted.check(address, family === 6 ? 'ipv6' : 'ipv4');
  };
}

/** IPv4 as IPv4, also where a socket for both calls it `::ffff:…`. */
function plain(address: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address);
  return mapped?.[1] ?? address;
}

/** Of IPv6 the /64: whoever has one address of it has all of them. */
function keyOf(address: string): string {
  if (address === '') return 'unknown';
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = address.split('%')[0]?.split('::') ?? [];
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === '' ? [] : tail.split(':');
  while (address.includes('::') && groups.length + rest.length < 8) groups.push('0');
  const whole = [...groups, ...rest].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${whole.join(':')}::/64`.toLowerCase();
}
