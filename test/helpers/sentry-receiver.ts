/** Takes envelopes as Sentry does, and keeps them. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Envelope = {
  readonly headers: Record<string, unknown>;
  readonly path: string;
  /** The envelope's header, the item's, the item. */
  readonly lines: readonly unknown[];
};

export type SentryReceiver = {
  /** Of project 42. */
  readonly dsn: string;
  readonly received: readonly Envelope[];
  close(): void;
};

export async function startSentryReceiver(): Promise<SentryReceiver> {
  const received: Envelope[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      const lines = body.split('\n').map((line) => JSON.parse(line) as unknown);
      received.push({ headers: request.headers, path: request.url ?? '', lines });
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    dsn: `http://publickey@127.0.0.1:${port}/42`,
    received,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Where each of them happened, as its tag says. */
export function placesOf({ received }: SentryReceiver): string[] {
  return received.map(({ lines }) => (lines[2] as { tags: { where: string } }).tags.where);
}
