/**
 * The wire between the server and one vendor's emulator: a TCP relay that can fail as networks do,
 * for new connections and for those that are up. It tells connections apart by their request line.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Certificate } from '../../helpers/certificate.ts';

/**
 * What happens to bytes on their way to the server; the other direction always passes. 'garbage':
 * others come in their place. 'cut': the connection breaks with the first of them.
 */
export type WireMode = 'pass' | 'hang' | 'trickle' | 'slow' | 'garbage' | 'cut';

/** A port of this machine, another one, or the path of a unix socket. */
export type WireTarget = number | string | { readonly host: string; readonly port: number };

export type Wire = {
  /** Of the relay, 127.0.0.1. */
  readonly port: number;
  /** Bytes of the vendor on connections whose request line fits, from now on. */
  set(path: RegExp, mode: WireMode): void;
  /** Breaks the connections whose request line fits. */
  cut(path: RegExp): void;
  /** Puts bytes that are no protocol into the connections whose request line fits. */
  spoil(path: RegExp): void;
  /** The host is gone: what is up breaks, and new connections are refused. */
  refuse(): Promise<void>;
  /** Answers TLS handshakes with a certificate nobody trusts, and breaks what is up. */
  distrust(): void;
  /** Open connections whose request line fits. */
  open(path: RegExp): number;
  /**
   * When connections whose request line fits felt a fault of this wire, monotonic: they broke or
   * were spoilt, or bytes on them were held, slowed, replaced.
   */
  felt(path: RegExp): readonly number[];
  close(): Promise<void>;
};

type Line = {
  readonly client: Socket;
  readonly upstream: Socket;
  request: string;
  mode: WireMode;
  held: Buffer[];
  timer: NodeJS.Timeout | undefined;
};

export type WireTls = { readonly trusted: Certificate; readonly strange: Certificate };

const TRICKLE_MS = 1_000;
/** About ten times what the emulated vendors take for a first byte. */
const SLOW_MS = 1_000;
/** More held bytes than this on one connection are let go of with it. */
const MAX_HELD_BYTES = 16 * 1_024 * 1_024;

/** Faults felt that are remembered; one is enough to know that there was one. */
const MAX_FELT = 10_000;

export async function startWire(target: WireTarget, tls?: WireTls): Promise<Wire> {
  const lines = new Set<Line>();
  const felt: { readonly request: string; readonly atMs: number }[] = [];
  const feel = ({ request }: Pick<Line, 'request'>): void => {
    if (felt.length < MAX_FELT) felt.push({ request, atMs: Number(process.hrtime.bigint()) / 1e6 });
  };
  let rules: { readonly path: RegExp; readonly mode: WireMode }[] = [];
  const accept = (client: Socket): void => {
    const upstream = connectTo(target);
    const line: Line = { client, upstream, request: '', mode: 'pass', held: [], timer: undefined };
    lines.add(line);
    const obey = (): void => {
      const rule = rules.findLast(({ path }) => path.test(line.request));
      changeMode(line, rule?.mode ?? 'pass');
    };
    // What has no request lines is known by its port alone.
    obey();
    const gone = (): void => {
      lines.delete(line);
      clearInterval(line.timer);
      client.destroy();
      upstream.destroy();
    };
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
    client.on('close', gone);
    upstream.on('close', () => closeAfter(line, gone));
    client.on('data', (bytes: Buffer) => {
      if (/^[A-Z]+ /.test(bytes.toString('latin1', 0, 16))) {
        line.request = bytes.toString('latin1', 0, 300).split('\r\n')[0] ?? '';
        obey();
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes: Buffer) => {
      if (line.mode !== 'pass') feel(line);
      pass(line, bytes);
    });
  };
  const server: Server =
    tls === undefined
      ? createServer(accept)
      : createTlsServer({ key: tls.trusted.key, cert: tls.trusted.cert }, accept);
  server.on('tlsClientError', () => feel({ request: '' }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const fitting = (path: RegExp): Line[] => [...lines].filter(({ request }) => path.test(request));
  const end = (ended: Iterable<Line>): void => {
    for (const line of ended) {
      feel(line);
      line.client.destroy();
    }
  };
  const cut = (path: RegExp): void => end(fitting(path));
  const stopListening = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    end(lines);
    await closed;
  };
  return {
    port,
    set: (path, mode) => {
      rules = [...rules.filter((rule) => rule.path.source !== path.source), { path, mode }];
      for (const line of fitting(path)) changeMode(line, mode);
    },
    cut,
    spoil: (path) => {
      for (const line of fitting(path)) {
        feel(line);
        line.client.write(Buffer.from(GARBAGE));
      }
    },
    refuse: stopListening,
    distrust: () => {
      if (tls === undefined) throw new Error('this wire speaks no TLS');
      const { key, cert } = tls.strange;
      if ('setSecureContext' in server) {
        (server as ReturnType<typeof createTlsServer>).setSecureContext({ key, cert });
      }
      end(lines);
    },
    felt: (path) => felt.filter(({ request }) => path.test(request)).map(({ atMs }) => atMs),
    open: (path) => fitting(path).length,
    close: stopListening,
  };
}

function connectTo(target: WireTarget): Socket {
  if (typeof target === 'string') return connect(target);
  return typeof target === 'number'
    ? connect(target, '127.0.0.1')
    : connect(target.port, target.host);
}

/** No HTTP, no WebSocket frame (reserved bits and opcode), no JSON. */
const GARBAGE = [0xff, 0x00, 0x7b, 0x3c, 0xfe, 0x13, 0x37, 0x80, 0x99, 0x0d];

function pass(line: Line, bytes: Buffer): void {
  if (line.mode === 'pass' && line.held.length === 0) {
    line.client.write(bytes);
    return;
  }
  if (line.mode === 'slow') {
    setTimeout(() => {
      if (!line.client.destroyed) line.client.write(bytes);
    }, SLOW_MS);
    return;
  }
  if (line.mode === 'garbage') return void line.client.write(Buffer.from(GARBAGE));
  if (line.mode === 'cut') return void line.client.destroy();
  line.held.push(bytes);
  const heldBytes = line.held.reduce((sum, part) => sum + part.length, 0);
  if (heldBytes > MAX_HELD_BYTES) line.client.destroy();
}

function changeMode(line: Line, mode: WireMode): void {
  if (line.mode === mode) return;
  line.mode = mode;
  clearInterval(line.timer);
  line.timer = undefined;
  if (mode === 'trickle') line.timer = setInterval(() => trickle(line), TRICKLE_MS);
  if (mode === 'pass') for (const bytes of line.held.splice(0)) line.client.write(bytes);
}

function trickle(line: Line): void {
  const first = line.held[0];
  if (first === undefined || line.client.destroyed) return;
  line.client.write(first.subarray(0, 1));
  if (first.length > 1) line.held[0] = first.subarray(1);
  else line.held.shift();
}

/** A peer that is slow is slow in closing, too; one that hangs never says so. */
function closeAfter(line: Line, end: () => void): void {
  if (line.mode === 'pass') end();
  else if (line.mode === 'slow') setTimeout(end, SLOW_MS);
  else if (line.client.destroyed) end();
}
