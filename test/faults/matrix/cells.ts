/**
 * The fault matrix: every vendor and rung × every fault × every moment. Cells that make no sense are
 * listed with the reason; none is left out in silence.
 */
import type { Fault } from '../../../emulators/faults.ts';
import type { StoreHost } from './stores.ts';

export const VENDORS = [
  'flux',
  'nova',
  'claude',
  'gemini',
  'elevenlabs-socket',
  'elevenlabs-http',
  'aura',
  'twilio-rest',
  'twilio-media',
  'redis',
  'postgres',
] as const;
export type MatrixVendor = (typeof VENDORS)[number];

export const FAULTS = [
  'refused',
  'dns',
  'tls',
  '401',
  '429',
  '5xx',
  'hang',
  'slow',
  'trickle',
  'garbage',
  'wrong-shape',
  'cut',
  'wrong-order',
  'duplicate',
  'empty',
  'oversize',
] as const;
export type MatrixFault = (typeof FAULTS)[number];

export const MOMENTS = ['before', 'first-turn', 'mid-sentence', 'barge-in'] as const;
export type Moment = (typeof MOMENTS)[number];

/** The machine behind a base URL. Refused, DNS and TLS hit all of it. */
export type Host = VendorHost | StoreHost;
export type VendorHost = 'deepgram' | 'anthropic' | 'gemini' | 'elevenlabs' | 'twilio';

export type VendorPlan = {
  readonly title: string;
  readonly host: Host;
  /** The emulator's name of the surface. */
  readonly surface: string;
  /** Request lines of its connections. */
  readonly path: RegExp;
  /** Rungs above, which answer 503 from the start, so that this one is in use. */
  readonly above: readonly MatrixVendor[];
};

/** They speak no HTTP: their connections have no request lines. */
const ANY_CONNECTION = /(?:)/;

export const PLANS: Readonly<Record<MatrixVendor, VendorPlan>> = {
  flux: {
    title: 'Deepgram Flux',
    host: 'deepgram',
    surface: 'v2',
    path: /^GET \/v2\/listen/,
    above: [],
  },
  nova: {
    title: 'Deepgram nova-3',
    host: 'deepgram',
    surface: 'v1',
    path: /^GET \/v1\/listen/,
    above: ['flux'],
  },
  claude: {
    title: 'Claude',
    host: 'anthropic',
    surface: 'messages',
    path: /^POST /,
    above: [],
  },
  gemini: {
    title: 'Gemini',
    host: 'gemini',
    surface: 'generate',
    path: /^POST /,
    above: ['claude'],
  },
  'elevenlabs-socket': {
    title: 'ElevenLabs socket',
    host: 'elevenlabs',
    surface: 'multi',
    path: /^GET .*\/multi-stream-input/,
    above: [],
  },
  'elevenlabs-http': {
    title: 'ElevenLabs HTTP',
    host: 'elevenlabs',
    surface: 'http',
    path: /^POST /,
    above: ['elevenlabs-socket'],
  },
  aura: {
    title: 'Deepgram Aura',
    host: 'deepgram',
    surface: 'speak',
    path: /^(?:POST|GET) \/v[12]\/speak/,
    above: ['elevenlabs-socket', 'elevenlabs-http'],
  },
  'twilio-rest': {
    title: 'Twilio REST',
    host: 'twilio',
    surface: 'rest',
    path: /^(?:POST|GET|DELETE) /,
    above: [],
  },
  // The carrier connects to us: nothing of this goes over a wire of ours.
  'twilio-media': {
    title: 'Twilio media',
    host: 'twilio',
    surface: 'media',
    path: /^$/,
    above: [],
  },
  redis: { title: 'Redis', host: 'redis', surface: '', path: ANY_CONNECTION, above: [] },
  postgres: { title: 'PostgreSQL', host: 'postgres', surface: '', path: ANY_CONNECTION, above: [] },
};

/** What a call goes on without, and so without its caller noticing. */
export function isStore(host: Host): host is StoreHost {
  return host === 'redis' || host === 'postgres';
}

/** Faults of a connection as such: the whole host has them. */
export const HOST_FAULTS: ReadonlySet<MatrixFault> = new Set<MatrixFault>([
  'refused',
  'dns',
  'tls',
]);

export type Cell = {
  readonly vendor: MatrixVendor;
  readonly fault: MatrixFault;
  readonly moment: Moment;
};

export type PlannedCell = Cell & {
  /** Set: the cell is not run, and why. */
  readonly skipped: string | undefined;
};

export function cellName({ vendor, fault, moment }: Cell): string {
  return `${vendor} × ${fault} × ${moment}`;
}

/** All cells, in the table's order. */
export function allCells(): PlannedCell[] {
  return VENDORS.flatMap((vendor) =>
    FAULTS.flatMap((fault) =>
      MOMENTS.map((moment) => {
        const cell = { vendor, fault, moment };
        return { ...cell, skipped: reasonToSkip(cell) };
      }),
    ),
  );
}

function reasonToSkip({ vendor, fault, moment }: Cell): string | undefined {
  if (HOST_FAULTS.has(fault)) {
    if (vendor === 'nova') return 'nova-3 and Flux are one host: the row of Flux loses both';
    if (vendor === 'elevenlabs-http') {
      return 'the socket and HTTP are one host: the row of the socket loses both';
    }
  }
  if (vendor === 'elevenlabs-http' && fault === 'wrong-shape') {
    return 'raw audio has no JSON: the same bytes as garbage';
  }
  if (vendor === 'aura' && fault === 'wrong-shape') {
    return 'raw audio has no JSON: the same bytes as garbage';
  }
  if ((vendor === 'elevenlabs-http' || vendor === 'aura') && OPAQUE_AUDIO.has(fault)) {
    return 'raw audio carries no order or count: nobody but a listener could tell';
  }
  if (isStore(PLANS[vendor].host) && !STORE_FAULTS.has(fault)) {
    return 'a store speaks neither HTTP nor JSON: garbage and cut stand for all wrong answers';
  }
  if (vendor === 'postgres' && fault === 'tls') {
    return 'the wire cannot speak TLS in the midst of PostgreSQL: refused stands for it';
  }
  if (vendor === 'twilio-rest') {
    if (fault === 'wrong-order') return 'one answer to one request has no order';
    if (moment === 'first-turn' || moment === 'barge-in') {
      return 'no request is under way then; the next is the hang-up, as in mid-sentence';
    }
  }
  if (vendor === 'twilio-media') return reasonToSkipMedia(fault, moment);
  return undefined;
}

/** Here the carrier is the client, and we are the server. */
function reasonToSkipMedia(fault: MatrixFault, moment: Moment): string | undefined {
  if (fault === 'dns' || fault === 'tls') {
    return 'the carrier looks for us, and not we for it: refused is what we see of it';
  }
  if (fault === 'refused' && moment !== 'before') {
    return 'a stream that is up is not refused any more: cut stands for it';
  }
  if (fault === '401' || fault === '429' || fault === '5xx') {
    return 'a status is a server’s answer, and here the carrier is the client';
  }
  return undefined;
}

/** Where the vendor may rightly not be asked at all while the fault is in force, and why. */
export function notAsked(_cell: Cell): string | undefined {
  return undefined;
}

/**
 * Whether another call on the same server may have spared this one: the breakers are shared, and a
 * vendor that is asked anew each time is not asked while its breaker is open.
 */
export function mayBeSpared({ vendor }: Cell): boolean {
  return PLANS[vendor].host !== 'twilio' && !isStore(PLANS[vendor].host);
}

const STORE_FAULTS: ReadonlySet<MatrixFault> = new Set<MatrixFault>([
  ...HOST_FAULTS,
  'hang',
  'slow',
  'trickle',
  'garbage',
  'cut',
]);
const OPAQUE_AUDIO: ReadonlySet<MatrixFault> = new Set<MatrixFault>(['wrong-order', 'duplicate']);

/** 10 MB, far above every limit of ours. */
const OVERSIZE_BYTES = 10 * 1_024 * 1_024;

/** What the emulator is told to do with every new request or connection; none for host faults. */
export function emulatorFault(vendor: MatrixVendor, fault: MatrixFault): Fault | undefined {
  switch (fault) {
    case 'refused':
      return vendor === 'twilio-media' ? { kind: 'refuse' } : undefined;
    case 'dns':
    case 'tls':
      return undefined;
    case '401':
      return { kind: 'status', status: 401 };
    case '429':
      return { kind: 'status', status: 429, retryAfterSeconds: 7 };
    case '5xx':
      return { kind: 'status', status: vendor === 'claude' ? 529 : 500 };
    case 'hang':
      return { kind: 'hang' };
    case 'slow':
      return { kind: 'slow', factor: 10 };
    case 'trickle':
      return { kind: 'trickle', bytesPerSecond: 1 };
    case 'garbage':
    case 'wrong-shape':
    case 'wrong-order':
    case 'duplicate':
    case 'empty':
      return { kind: fault };
    case 'oversize':
      return { kind: 'oversize', bytes: OVERSIZE_BYTES };
    case 'cut':
      return { kind: 'cut', afterMessages: 3 };
  }
}
