/**
 * Who may import whom. The table is the one in docs/architecture.md; this is what enforces it.
 */
import { cyclesIn, type Import } from './imports.ts';

type Rule = {
  /** Files of ours, by the beginning of their path. Its own folder is always allowed. */
  readonly ours: readonly string[];
  /** The same, for `import type` only. */
  readonly ourTypes?: readonly string[];
  /** Packages and `node:` modules, by name. 'any': all that no rule below keeps for others. */
  readonly packages: readonly string[] | 'any';
};

const BASICS = ['src/errors.ts', 'src/events.ts', 'src/patience.ts'];
const CONFIG = ['src/config.ts', 'src/config-values.ts', 'src/config-notices.ts'];
const PORTS = [
  'adapters/stt/port.ts',
  'adapters/llm/port.ts',
  'adapters/tts/port.ts',
  'adapters/telephony/port.ts',
];
const VENDOR_FOLDER: Rule = { ours: ['adapters/*', ...BASICS], ourTypes: ['src'], packages: 'any' };

/** One row per folder; the longest path that fits a file is its layer. */
export const LAYERS: Readonly<Record<string, Rule>> = {
  'src/conversation': { ours: [], packages: [] },
  'src/companion': { ours: ['src/errors.ts'], ourTypes: ['src/conversation'], packages: ['zod'] },
  'src/store': { ours: BASICS, ourTypes: ['src'], packages: 'any' },
  // Everything of `src` itself but the composition: what others stand on.
  src: { ours: [], ourTypes: ['src'], packages: 'any' },
  'src/app.ts': { ours: ['src', 'websocket', 'routes', 'adapters', 'pipelines'], packages: 'any' },
  // What of it is opened only where the configuration asks for it.
  'src/app-parts.ts': { ours: ['src', 'routes', 'pipelines'], packages: 'any' },
  // The half of the composition that names vendors.
  'src/vendors.ts': { ours: ['src', 'adapters'], packages: 'any' },
  // Without keys, the emulators and the page to place calls from; loaded only then.
  'src/main.ts': { ours: ['src', 'emulators', 'demo/dev-server.ts'], packages: 'any' },
  // The half of the composition that keeps things.
  'src/durability.ts': { ours: ['src', 'pipelines'], packages: 'any' },
  'src/durable-jobs.ts': { ours: ['src', 'pipelines', 'adapters/llm/port.ts'], packages: 'any' },
  'src/people.ts': { ours: ['src/companion', 'src/errors.ts'], packages: 'any' },
  adapters: { ours: [...BASICS, ...PORTS], ourTypes: ['src'], packages: 'any' },
  'adapters/stt': VENDOR_FOLDER,
  'adapters/llm': VENDOR_FOLDER,
  'adapters/tts': VENDOR_FOLDER,
  'adapters/telephony': VENDOR_FOLDER,
  websocket: { ours: [...BASICS, ...CONFIG], ourTypes: ['src/log.ts'], packages: 'any' },
  pipelines: {
    ours: [...BASICS, ...CONFIG, 'src/conversation', 'src/companion', 'src/store', ...PORTS],
    ourTypes: ['src/log.ts', 'websocket/types.ts'],
    packages: 'any',
  },
  routes: {
    ours: [...BASICS, ...CONFIG, 'src/store', 'src/companion', 'pipelines'],
    ourTypes: ['src/log.ts', 'src/people.ts', 'src/conversation', 'adapters/breaker.ts'],
    packages: 'any',
  },
  emulators: { ours: [], packages: 'any' },
};

/** Packages that belong to some layers only. */
const KEPT_PACKAGES: readonly { readonly package: RegExp; readonly layers: readonly string[] }[] = [
  { package: /^(express|helmet)$/, layers: ['routes', 'src/app.ts'] },
  { package: /^ws$/, layers: ['websocket', 'adapters', 'emulators', 'src/app.ts'] },
  { package: /^(ioredis|pg|pg-boss|kysely)(\/|$)/, layers: ['src/store'] },
  { package: /^(@deepgram|@anthropic-ai|@elevenlabs|@google)\//, layers: ['adapters'] },
  // Besides its REST client it holds the check of a webhook's signature.
  { package: /^twilio(\/|$)/, layers: ['adapters', 'routes'] },
  { package: /^(espeak-ng|vitest|fast-check)(\/|$)/, layers: ['emulators'] },
];

/** Scripts that live beside the files they make, and are no part of the server. */
const SCRIPTS = new Set(['adapters/tts/clips/make.ts']);

function startsWith(path: string, prefix: string): boolean {
  if (prefix.endsWith('/*')) {
    // Files directly in the folder.
    const rest = path.slice(prefix.length - 1);
    return path.startsWith(prefix.slice(0, -1)) && !rest.includes('/');
  }
  return path === prefix || path.startsWith(`${prefix}/`);
}

/** The row of the table that a file falls under; undefined for demo, benchmarks and tests. */
function layerOf(path: string): string | undefined {
  return Object.keys(LAYERS)
    .filter((layer) => startsWith(path, layer))
    .sort((a, b) => b.length - a.length)[0];
}

/** Every import that the table does not allow, as `from → target: why`. */
export function brokenRules(imports: readonly Import[]): string[] {
  const broken: string[] = [];
  for (const each of imports) {
    const layer = SCRIPTS.has(each.from) ? undefined : layerOf(each.from);
    const rule = layer === undefined ? undefined : LAYERS[layer];
    if (layer === undefined || !rule) continue;
    const why = each.specifier.startsWith('.')
      ? whyNotOurs(each, layer, rule)
      : whyNotPackage(each, layer, rule);
    if (why !== undefined) broken.push(`${each.from} → ${each.target}: ${why}`);
  }
  return [...new Set(broken)];
}

function whyNotOurs(each: Import, layer: string, rule: Rule): string | undefined {
  const { target, typeOnly } = each;
  const targetLayer = layerOf(target);
  if (targetLayer === layer && layer !== 'src/app.ts') return undefined;
  // The files of `src` itself may use one another, but not the composition above them.
  if (rule.ours.some((prefix) => startsWith(target, prefix))) {
    return isComposition(target) && !isComposition(each.from)
      ? 'only the entry names the composition root'
      : undefined;
  }
  if (typeOnly && (rule.ourTypes ?? []).some((prefix) => startsWith(target, prefix))) {
    return undefined;
  }
  return `${layer} may not import it${typeOnly ? ', not even its types' : ''}`;
}

const COMPOSITION: ReadonlySet<string> = new Set(
  ['main', 'app', 'app-parts', 'vendors', 'durability', 'durable-jobs'].map(
    (name) => `src/${name}.ts`,
  ),
);

function isComposition(path: string): boolean {
  return COMPOSITION.has(path);
}

function whyNotPackage(each: Import, layer: string, rule: Rule): string | undefined {
  if (each.specifier === '<computed>') {
    return layer === 'emulators' ? undefined : 'an import has to say what it imports';
  }
  if (rule.packages !== 'any') {
    return rule.packages.includes(each.specifier) ? undefined : `${layer} is pure`;
  }
  for (const kept of KEPT_PACKAGES) {
    if (!kept.package.test(each.specifier)) continue;
    if (kept.layers.some((owner) => startsWith(layer, owner))) return undefined;
    return `only for ${kept.layers.join(', ')}`;
  }
  return undefined;
}

/** A file's folder as far as cycles go: `src` is two, what stands below everything and the top. */
function folderOf(path: string): string | undefined {
  if (isComposition(path)) return 'src (composition)';
  return ['src/conversation', 'src/companion', 'src/store', 'src', 'websocket', 'routes']
    .concat(['adapters', 'pipelines', 'emulators'])
    .find((folder) => startsWith(path, folder));
}

/** Folders that need each other, directly or through others. Types count as well. */
export function folderCycles(imports: readonly Import[]): string[] {
  const edges = new Map<string, Set<string>>();
  for (const { from, target } of imports) {
    if (SCRIPTS.has(from)) continue;
    const [a, b] = [folderOf(from), folderOf(target)];
    if (a === undefined || b === undefined || a === b) continue;
    edges.set(a, (edges.get(a) ?? new Set()).add(b));
  }
  return cyclesIn(edges);
}
