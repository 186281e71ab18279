/**
 * Puts ops/honeycomb into a Honeycomb environment: creates what is not there, updates what is, by
 * name, deletes nothing. `--dry-run` shows the requests instead. See ops/README.md.
 */
import { readFileSync } from 'node:fs';

type Json = Readonly<Record<string, unknown>>;
type Named = Json & { readonly name: string };
type Query = Json;

export type HoneycombFiles = {
  readonly columns: readonly (Json & { readonly alias: string })[];
  readonly slos: readonly { readonly slo: Named; readonly burn_alerts: readonly Json[] }[];
  readonly triggers: readonly Named[];
  readonly board: Named & {
    readonly slos: readonly string[];
    readonly panels: readonly {
      readonly title: string;
      readonly description: string;
      readonly style: string;
      readonly query: Query;
    }[];
  };
};

export type ApplyOptions = {
  readonly apiUrl: string;
  readonly key: string;
  readonly dataset: string;
  /** Ids of Honeycomb recipients; without any, burn alerts are left out: they need one. */
  readonly recipients: readonly string[];
  readonly log: (line: string) => void;
};

const TIMEOUT_MS = 30_000;

export function readHoneycombFiles(): HoneycombFiles {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../ops/honeycomb/${name}.json`, import.meta.url), 'utf8'));
  return {
    columns: read('derived-columns') as HoneycombFiles['columns'],
    slos: read('slos') as HoneycombFiles['slos'],
    triggers: read('triggers') as HoneycombFiles['triggers'],
    board: read('board') as HoneycombFiles['board'],
  };
}

/** Rejects with the first request that Honeycomb refuses; running it again goes on from there. */
export async function applyHoneycomb(files: HoneycombFiles, options: ApplyOptions): Promise<void> {
  const api = new Api(options);
  const recipients = options.recipients.map((id) => ({ id }));
  await api.putAll('derived_columns', files.columns, 'alias');
  const sloIds = await api.putAll(
    'slos',
    files.slos.map(({ slo }) => slo),
    'name',
  );
  for (const { slo, burn_alerts: alerts } of files.slos) {
    const id = sloIds.get(slo.name) ?? '';
    if (recipients.length > 0) await api.putBurnAlerts(id, alerts, recipients);
  }
  if (recipients.length === 0) options.log('no HONEYCOMB_RECIPIENTS: burn alerts left out');
  const triggers = files.triggers.map((trigger) => ({ ...trigger, recipients }));
  await api.putAll('triggers', triggers, 'name');
  await api.putBoard(files.board, sloIds);
}

function idOf(made: Json | undefined): string | undefined {
  const id = made?.['id'];
  return typeof id === 'string' ? id : undefined;
}

class Api {
  readonly #options: ApplyOptions;

  constructor(options: ApplyOptions) {
    this.#options = options;
  }

  /** Creates or updates each; resolves with their ids by name. */
  async putAll(
    kind: 'derived_columns' | 'slos' | 'triggers',
    wanted: readonly Json[],
    by: 'name' | 'alias',
  ): Promise<Map<string, string>> {
    const path = `/1/${kind}/${encodeURIComponent(this.#options.dataset)}`;
    const known = (await this.#send('GET', path)) as Json[];
    const ids = new Map(known.map((each) => [String(each[by]), idOf(each) ?? '']));
    for (const each of wanted) {
      const name = String(each[by]);
      const id = ids.get(name);
      const put: { method: 'POST' | 'PUT'; path: string } =
        id === undefined ? { method: 'POST', path } : { method: 'PUT', path: `${path}/${id}` };
      const made = (await this.#send(put.method, put.path, each)) as Json;
      ids.set(name, idOf(made) ?? id ?? '');
      this.#options.log(`${id === undefined ? 'created' : 'updated'} ${kind}: ${name}`);
    }
    return ids;
  }

  /** An objective's alerts have no names; those there are are kept in their order. */
  async putBurnAlerts(
    sloId: string,
    wanted: readonly Json[],
    recipients: readonly Json[],
  ): Promise<void> {
    const path = `/1/burn_alerts/${encodeURIComponent(this.#options.dataset)}`;
    const known = (await this.#send('GET', `${path}?slo_id=${sloId}`)) as Json[];
    for (const [index, alert] of wanted.entries()) {
      const id = idOf(known[index]);
      const body = { ...alert, slo: { id: sloId }, recipients };
      if (id === undefined) await this.#send('POST', path, body);
      else await this.#send('PUT', `${path}/${id}`, body);
    }
  }

  async putBoard(
    board: HoneycombFiles['board'],
    sloIds: ReadonlyMap<string, string>,
  ): Promise<void> {
    const panels: Json[] = board.slos.map((name) => ({
      type: 'slo',
      slo_panel: { slo_id: sloIds.get(name) ?? '' },
    }));
    const dataset = encodeURIComponent(this.#options.dataset);
    for (const { title, description, style, query } of board.panels) {
      const made = (await this.#send('POST', `/1/queries/${dataset}`, query)) as Json;
      const annotation = { name: title, description, query_id: made['id'] };
      const noted = (await this.#send(
        'POST',
        `/1/query_annotations/${dataset}`,
        annotation,
      )) as Json;
      const ids = { query_id: made['id'], query_annotation_id: noted['id'] };
      panels.push({ type: 'query', query_panel: { ...ids, query_style: style } });
    }
    const { name, description } = board;
    const body = { name, description, type: 'flexible', layout_generation: 'auto', panels };
    const known = (await this.#send('GET', '/1/boards')) as Json[];
    const id = idOf(known.find((each) => each['name'] === name));
    if (id === undefined) await this.#send('POST', '/1/boards', body);
    else await this.#send('PUT', `/1/boards/${id}`, body);
    this.#options.log(`${id === undefined ? 'created' : 'updated'} board: ${name}`);
  }

  async #send(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<unknown> {
    const { apiUrl, key } = this.#options;
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { 'X-Honeycomb-Team': key, 'Content-Type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return JSON.parse(text);
  }
}

if (import.meta.main) {
  const { env } = process;
  const files = readHoneycombFiles();
  const key = env['HONEYCOMB_CONFIG_KEY'] ?? '';
  if (process.argv.includes('--dry-run')) {
    console.log(JSON.stringify(files, undefined, 2));
  } else if (key === '') {
    console.error('HONEYCOMB_CONFIG_KEY is not set; see ops/README.md');
    process.exitCode = 1;
  } else {
    await applyHoneycomb(files, {
      key,
      apiUrl: env['HONEYCOMB_API_URL'] ?? 'https://api.honeycomb.io',
      dataset: env['HONEYCOMB_DATASET'] ?? 'hearthline',
      recipients: (env['HONEYCOMB_RECIPIENTS'] ?? '').split(',').filter((id) => id !== ''),
      log: (line) => console.log(line),
    });
  }
}
