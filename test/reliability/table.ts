/** Results as people read them. */
import { promiseOf, type Result } from './scenarios.ts';

/** `heardAgainP95Ms: 1200` → `heard again p95 1200 ms`. */
function inWords(name: string, value: number | string | boolean): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(' ');
  const unit = words.at(-1) === 'ms' || words.at(-1) === 'mb' ? words.pop() : undefined;
  const shown = unit === 'mb' ? 'MB' : unit;
  return `${words.join(' ')} ${String(value)}${shown === undefined ? '' : ` ${shown}`}`;
}

function figuresOf({ figures }: Result): string {
  return (
    Object.entries(figures)
      // -1: not looked at, or never.
      .filter(([name, value]) => name !== 'seed' && value !== -1)
      .map(([name, value]) => inWords(name, value))
      .join('; ')
  );
}

export function markdownTable(results: readonly Result[]): string {
  const rows = results.map((result) => [
    promiseOf(result.name),
    (result.pass ? '✓' : '✗') + (result.replays > 0 ? ` at play ${result.replays + 1}` : ''),
    figuresOf(result),
  ]);
  const head = ['Promise', 'Held', 'Figures'];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const MOST_FINDINGS = 12;

export function detail(result: Result): string {
  const { name, pass, findings, seconds } = result;
  const shown = findings.slice(0, MOST_FINDINGS).map((finding) => `    ${finding}`);
  const more = findings.length - shown.length;
  return [
    `${pass ? 'held  ' : 'FAILED'} ${name} (${seconds} s): ${figuresOf(result)}`,
    ...shown,
    ...(more > 0 ? [`    and ${more} more`] : []),
  ].join('\n');
}
