/** Colour for a terminal, and none where none is wanted. */
export type Ink = {
  readonly colour: boolean;
  readonly columns: number;
  readonly paint: (style: Style, text: string) => string;
};

export type Style =
  | 'bold'
  | 'dim'
  | 'struck'
  | 'caller'
  | 'companion'
  | 'good'
  | 'bad'
  | 'stt'
  | 'grouping'
  | 'ask'
  | 'model'
  | 'clause'
  | 'voice'
  | 'own';

const CODES: Readonly<Record<Style, string>> = {
  bold: '1',
  dim: '2',
  struck: '2;9',
  caller: '33;1',
  companion: '36;1',
  good: '32',
  bad: '31;1',
  stt: '33',
  grouping: '93',
  ask: '31',
  model: '34',
  clause: '94',
  voice: '36',
  own: '91;1',
};

const MIN_COLUMNS = 60;
const DEFAULT_COLUMNS = 100;
const MAX_COLUMNS = 120;

/** Colour only on a terminal, and never with NO_COLOR set (https://no-color.org). */
export function inkFor(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): Ink {
  const colour = stream.isTTY && (environment['NO_COLOR'] ?? '') === '';
  const columns = Math.min(MAX_COLUMNS, Math.max(MIN_COLUMNS, stream.columns || DEFAULT_COLUMNS));
  return {
    colour,
    columns,
    paint: (style, text) =>
      colour && text !== '' ? `\u001B[${CODES[style]}m${text}\u001B[0m` : text,
  };
}
