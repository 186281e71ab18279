/** What was said in a call, as those who read it afterwards get it. */

export type Said = {
  readonly who: 'caller' | 'companion';
  readonly text: string;
};

/** Of a very long call its end; far above fifteen minutes of talk. */
const MAX_LINES = 400;
const MAX_CHARS = 40_000;

/**
 * The call as lines of JSON, the last ones where it is too long. JSON, so that nothing that was said
 * can pass for anything but what was said.
 */
export function transcriptLines(said: readonly Said[]): string {
  const lines: string[] = [];
  let chars = 0;
  for (const { who, text } of said.slice(-MAX_LINES).reverse()) {
    const line = JSON.stringify({ who, said: text });
    chars += line.length;
    if (chars > MAX_CHARS) break;
    lines.push(line);
  }
  return lines.reverse().join('\n');
}

/** Whether the caller really said these words, one after the other, in one breath or two. */
export function callerSaid(said: readonly Said[]): (quote: string) => boolean {
  const all = ` ${folded(
    said
      .filter(({ who }) => who === 'caller')
      .map(({ text }) => text)
      .join(' '),
  )} `;
  return (quote) => {
    const words = folded(quote);
    return words !== '' && all.includes(` ${words} `);
  };
}

function folded(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[’']/g, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** The first JSON object in a model's answer; undefined where there is none. */
export function jsonIn(answer: string): unknown {
  const [from, to] = [answer.indexOf('{'), answer.lastIndexOf('}')];
  if (from < 0 || to < from) return undefined;
  try {
    return JSON.parse(answer.slice(from, to + 1));
  } catch {
    return undefined;
  }
}
