/** Reads which file imports what, with a real parser, from a tree of TypeScript files. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { parseSync } from 'vite';

export type Import = {
  /** The importing file, relative to the tree's root. */
  readonly from: string;
  readonly specifier: string;
  /** A file of the tree, relative to its root; a package or `node:` name; or 'missing'. */
  readonly target: string;
  readonly typeOnly: boolean;
};

type Found = Pick<Import, 'specifier' | 'typeOnly'>;

export type Tree = { readonly files: readonly string[]; readonly imports: readonly Import[] };

/** Every import in the TypeScript files under `folders` of `root`. */
export function readImports(root: string, folders: readonly string[]): Tree {
  const tops = new Set(folders.map((folder) => folder.split('/')[0] ?? folder));
  const files = [...tops].flatMap((top) => typescriptFiles(root, top)).sort();
  const imports = files.flatMap((from) =>
    importsOf(from, readFileSync(join(root, from), 'utf8')).map((found) => ({
      from,
      ...found,
      target: targetOf(root, from, found.specifier),
    })),
  );
  return { files, imports };
}

function typescriptFiles(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name))
    .filter((path) => /\.m?ts$/.test(path) && !path.includes('node_modules'))
    .filter((path) => statSync(join(root, path)).isFile());
}

function targetOf(root: string, from: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier;
  const path = posix.join(dirname(from), specifier);
  return existsSync(join(root, path)) ? path : 'missing';
}

/**
 * The imports of one file: static and type imports, re-exports, `import()` in code and in types, and
 * `new URL('./file', import.meta.url)`, which is how a worker is named. An `import()` of something
 * computed is reported as `<computed>`.
 */
export function importsOf(file: string, source: string): Found[] {
  const { program, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message ?? 'does not parse'}`);
  const found: Found[] = [];
  visit(program, found);
  return found;
}

type SyntaxNode = Readonly<Record<string, unknown>>;

function visit(node: unknown, found: Found[]): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const syntax = node as SyntaxNode;
  const one = importIn(syntax);
  if (one) found.push(one);
  for (const value of Object.values(syntax)) visit(value, found);
}

function importIn(node: SyntaxNode): Found | undefined {
  switch (node['type']) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      if (!node['source']) return undefined;
      return { specifier: textOf(node['source']), typeOnly: isTypeOnly(node) };
    case 'ImportExpression':
      return { specifier: textOf(node['source']), typeOnly: false };
    case 'TSImportType':
      return { specifier: textOf(node['source']), typeOnly: true };
    case 'NewExpression':
      return workerUrl(node);
    default:
      return undefined;
  }
}

function isTypeOnly(node: SyntaxNode): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const specifiers = (node['specifiers'] ?? []) as readonly SyntaxNode[];
  return (
    specifiers.length > 0 &&
    specifiers.every((each) => each['importKind'] === 'type' || each['exportKind'] === 'type')
  );
}

function workerUrl(node: SyntaxNode): Found | undefined {
  const callee = node['callee'] as SyntaxNode;
  const [path, base] = node['arguments'] as readonly SyntaxNode[];
  if (callee['name'] !== 'URL' || base?.['type'] !== 'MemberExpression') return undefined;
  const specifier = textOf(path);
  return /\.m?[jt]s$/.test(specifier) ? { specifier, typeOnly: false } : undefined;
}

function textOf(node: unknown): string {
  const value = (node as SyntaxNode | undefined)?.['value'];
  return typeof value === 'string' ? value : '<computed>';
}

/** Shortest ways round from a folder back to itself, each written once, from its first name. */
export function cyclesIn(edges: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const cycles = new Set<string>();
  for (const start of edges.keys()) {
    const path = shortestWayBack(start, edges);
    if (!path) continue;
    const first = path.indexOf([...path].sort()[0] ?? start);
    const turned = [...path.slice(first), ...path.slice(0, first)];
    cycles.add([...turned, turned[0]].join(' → '));
  }
  return [...cycles].sort();
}

function shortestWayBack(
  start: string,
  edges: ReadonlyMap<string, ReadonlySet<string>>,
): string[] | undefined {
  const queue: string[][] = [[start]];
  const seen = new Set<string>();
  for (let path = queue.shift(); path; path = queue.shift()) {
    for (const next of edges.get(path.at(-1) ?? start) ?? []) {
      if (next === start) return path;
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...path, next]);
    }
  }
  return undefined;
}
