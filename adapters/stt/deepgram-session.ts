import type { DeepgramClient } from '@deepgram/sdk';
import type { Vendor, VendorError } from '../../src/errors.ts';
import { SOCKET_LIVENESS } from '../vendor-socket.ts';
import type { SocketLiveness } from '../vendor-socket.ts';
import { createDeepgramLink } from './deepgram-link.ts';
import type { SttOptions, SttSession, SttVendor } from './port.ts';

export type DeepgramConfig = {
  readonly apiKey: string;
  /** Where the SDK is pointed, e.g. 'ws://127.0.0.1:9001'; undefined means the vendor. */
  readonly baseUrl?: string | undefined;
  readonly liveness?: SocketLiveness | undefined;
  /** Audio in one message, milliseconds; default 80. */
  readonly groupMs?: number | undefined;
};

/** What the sockets of the SDK's `listen.v1` and `listen.v2` have in common. */
type ListenSocket = {
  on(event: 'message', listener: (message: unknown) => void): void;
  connect(): unknown;
  close(): void;
};

export type DeepgramSession = SttSession & {
  /** A message as the SDK hands it over. */
  take(raw: unknown): void;
  fail(error: VendorError): void;
  /** The socket is open. */
  begin?(): void;
};

export type DeepgramSurface<Socket extends ListenSocket> = {
  readonly vendor: Vendor;
  /** Has the SDK make a socket, which does not connect yet. */
  connect(client: DeepgramClient, options: SttOptions): Promise<Socket>;
  /** `close` ends the connection under the socket too. */
  session(socket: Socket, options: SttOptions, close: () => void): DeepgramSession;
};

/** One of Deepgram's ways to listen, as the port has it. Loads the SDK (about 0.3 s) once, here. */
export async function createDeepgramListener<Socket extends ListenSocket>(
  config: DeepgramConfig,
  surface: DeepgramSurface<Socket>,
): Promise<SttVendor> {
  const { DeepgramClient } = await import('@deepgram/sdk');
  const { vendor } = surface;
  return {
    vendor,
    open: async (options) => {
      const link = createDeepgramLink({
        vendor,
        openTimeoutMs: options.openTimeoutMs,
        liveness: config.liveness ?? SOCKET_LIVENESS,
        onFailed: (error) => session.fail(error),
      });
      const client = new DeepgramClient({
        apiKey: config.apiKey,
        ...(config.baseUrl === undefined ? {} : { baseUrl: config.baseUrl }),
        transportFactory: link.transportFactory,
      });
      const socket = await surface.connect(client, options);
      const session = surface.session(socket, options, () => {
        socket.close();
        link.close();
      });
      socket.on('message', (message) => session.take(message));
      socket.connect();
      await link.opened;
      session.begin?.();
      return session;
    },
  };
}
