/**
 * What operators' commands have in common: an order on the command line or the usage, text or JSON
 * on standard output, and an exit code: 0 done, 1 not done, 2 no order.
 */

export type Outcome<Row> = {
  readonly pass: boolean;
  readonly rows?: readonly Row[];
  /** For people, in one line. */
  readonly said: string;
};

export type OperatorCommand<Order, Row> = {
  readonly usage: string;
  /** What the rows are called in JSON. */
  readonly rowsAre: string;
  /** Undefined: it is no order. */
  readonly orderFrom: (args: readonly string[]) => Order | undefined;
  readonly perform: (order: Order) => Promise<Outcome<Row>>;
  readonly line: (row: Row) => string;
};

/** Runs the order of this process; `--json` may stand anywhere in it. */
export async function runOperatorCommand<Order, Row>(
  command: OperatorCommand<Order, Row>,
): Promise<void> {
  const args = process.argv.slice(2);
  const isJson = args.includes('--json');
  const order = command.orderFrom(args.filter((arg) => arg !== '--json'));
  if (order === undefined) {
    console.error(command.usage);
    process.exitCode = 2;
    return;
  }
  const { rowsAre, perform, line } = command;
  try {
    const { pass, rows = [], said } = await perform(order);
    if (isJson) console.log(JSON.stringify({ pass, said, [rowsAre]: rows }));
    else for (const text of [...rows.map(line), said]) console.log(text);
    process.exitCode = pass ? 0 : 1;
  } catch (error) {
    const said = error instanceof Error ? error.message : 'it failed';
    if (isJson) console.log(JSON.stringify({ pass: false, said, [rowsAre]: [] }));
    else console.error(said);
    process.exitCode = 1;
  }
}
