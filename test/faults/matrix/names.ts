/**
 * Name resolution of the matrix: vendors have names under `.vendors.test`, which lead to this machine
 * until they are lost. Everything else is resolved as ever.
 */
import dns from 'node:dns';
import { createRequire } from 'node:module';

const SUFFIX = '.vendors.test';
/** Questions for one name that are remembered. */
const MAX_ASKED = 1_000;

export type Names = {
  readonly suffix: string;
  /** From now on nobody knows the name. */
  lose(name: string): void;
  /** When the name was asked for, monotonic: every new connection to it begins so. */
  asked(name: string): readonly number[];
  restore(): void;
};

type Done = (error: NodeJS.ErrnoException | null, address?: unknown, family?: number) => void;

/** Puts itself before the process's resolver, which everything that connects uses. */
export function installNames(): Names {
  const module = createRequire(import.meta.url)('node:dns') as typeof dns;
  const usual = module.lookup;
  const lost = new Set<string>();
  const asked = new Map<string, number[]>();
  const lookup = (hostname: string, ...rest: unknown[]): void => {
    if (!hostname.endsWith(SUFFIX)) {
      return Reflect.apply(usual, module, [hostname, ...rest]) as undefined;
    }
    const atMs = Number(process.hrtime.bigint()) / 1e6;
    asked.set(hostname, [...(asked.get(hostname) ?? []), atMs].slice(-MAX_ASKED));
    const done = rest.at(-1) as Done;
    const options = rest.length > 1 ? (rest[0] as { all?: boolean }) : {};
    setImmediate(() => {
      if (lost.has(hostname)) {
        const error: NodeJS.ErrnoException = new Error(`getaddrinfo ENOTFOUND ${hostname}`);
        return done(Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname }));
      }
      if (options.all === true) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(null, '127.0.0.1', 4);
    });
  };
  Object.assign(module, { lookup: Object.assign(lookup, usual) });
  return {
    suffix: SUFFIX,
    lose: (name) => void lost.add(name),
    asked: (name) => asked.get(name) ?? [],
    restore: () => {
      Object.assign(module, { lookup: usual });
    },
  };
}
