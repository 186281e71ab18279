/** The repository's own files, for tests about them. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export function readRepositoryFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function inRepository(path: string): boolean {
  return existsSync(join(ROOT, path));
}

/** Paths relative to the root; what is installed or generated is left out. */
export function repositoryFiles(pattern: string): string[] {
  return globSync(pattern, {
    cwd: ROOT,
    exclude: ['node_modules/**', '.cache/**', 'out/**'],
  }).sort();
}

/** The fenced blocks of a Markdown text, in order. */
export function codeBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => (match[2] ?? '').trim());
}
