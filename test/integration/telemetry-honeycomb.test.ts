/** The script that loads ops/honeycomb, against a server that keeps what it is given. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { applyHoneycomb, readHoneycombFiles } from '../../scripts/apply-honeycomb.ts';

type Stored = Record<string, unknown>;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Collections by path, as the API has them: POST adds, PUT replaces, GET lists. */
async function startApi() {
  const stored = new Map<string, Stored[]>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      requests.push(`${request.method} ${pathname}`);
      const answer = (status: number, value: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(value));
      };
      if (request.headers['x-honeycomb-team'] !== 'config-key') return answer(401, { error: 'no' });
      const item = /^(\/1\/[a-z_]+(?:\/hearthline)?)\/(id\d+)$/.exec(pathname);
      const list = stored.get(item?.[1] ?? pathname) ?? [];
      stored.set(item?.[1] ?? pathname, list);
      if (request.method === 'GET') {
        const sloId = searchParams.get('slo_id');
        const ofSlo = (each: Stored): boolean =>
          (each['slo'] as Stored | undefined)?.['id'] === sloId;
        return answer(200, sloId === null ? list : list.filter(ofSlo));
      }
      const parsed = JSON.parse(body) as Stored;
      if (request.method === 'POST') {
        const made = { ...parsed, id: `id${requests.length}` };
        list.push(made);
        return answer(201, made);
      }
      const index = list.findIndex(({ id }) => id === item?.[2]);
      if (index < 0) return answer(404, {});
      list[index] = { ...parsed, id: item?.[2] };
      return answer(200, list[index]);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, stored, requests };
}

describe('loading Honeycomb', () => {
  const files = readHoneycombFiles();

  it('creates everything once, tied together, and changes it in place the next time', async () => {
    const { url, stored, requests } = await startApi();
    const lines: string[] = [];
    const options = {
      apiUrl: url,
      key: 'config-key',
      dataset: 'hearthline',
      recipients: ['r1'],
      log: (line: string) => void lines.push(line),
    };
    await applyHoneycomb(files, options);
    const count = (path: string): number => stored.get(path)?.length ?? 0;
    const sizes = (): number[] => [
      count('/1/derived_columns/hearthline'),
      count('/1/slos/hearthline'),
      count('/1/burn_alerts/hearthline'),
      count('/1/triggers/hearthline'),
      count('/1/boards'),
    ];
    expect(sizes()).toEqual([
      files.columns.length,
      files.slos.length,
      files.slos.length * 3,
      files.triggers.length,
      1,
    ]);
    const [board] = stored.get('/1/boards') ?? [];
    const panels = board?.['panels'] as Stored[];
    const idsOf = (path: string): unknown[] => (stored.get(path) ?? []).map(({ id }) => id);
    const slos = panels.filter(({ type }) => type === 'slo').map((panel) => panel['slo_panel']);
    expect(slos).toEqual(idsOf('/1/slos/hearthline').map((id) => ({ slo_id: id })));
    const queries = panels.filter(({ type }) => type === 'query');
    expect(queries).toHaveLength(files.board.panels.length);
    expect(queries[0]?.['query_panel']).toMatchObject({
      query_id: idsOf('/1/queries/hearthline')[0],
      query_annotation_id: idsOf('/1/query_annotations/hearthline')[0],
      query_style: 'graph',
    });
    const before = sizes();
    const posted = requests.filter((request) => request.startsWith('POST')).length;
    await applyHoneycomb(files, options);
    expect(sizes()).toEqual(before);
    const again = requests.filter((request) => request.startsWith('POST')).length - posted;
    expect(again).toBe(files.board.panels.length * 2);
    expect(lines.filter((line) => line.startsWith('created'))).toHaveLength(
      files.columns.length + files.slos.length + files.triggers.length + 1,
    );
  });

  it('stops at the first refusal and says which request it was', async () => {
    const { url } = await startApi();
    const options = { apiUrl: url, key: 'wrong', dataset: 'hearthline', recipients: [] };
    const applying = applyHoneycomb(files, { ...options, log: () => undefined });
    await expect(applying).rejects.toThrow('GET /1/derived_columns/hearthline: 401');
  });
});
