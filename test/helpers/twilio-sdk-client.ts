import twilio, { type Twilio } from 'twilio';
import RequestClient, { type RequestOptions } from 'twilio/lib/base/RequestClient.js';

class LocalClient extends RequestClient {
  readonly #base: URL;

  constructor(base: string, timeoutMs: number) {
    super({ timeout: timeoutMs });
    this.#base = new URL(base);
  }

  override async request<T>(options: RequestOptions<T>) {
    const url = new URL(options.uri);
    url.protocol = this.#base.protocol;
    url.host = this.#base.host;
    return await super.request<T>({ ...options, uri: url.href });
  }
}

/** Twilio's real SDK, pointed at an emulator. */
export function localTwilio(
  target: { url: string; accountSid: string; authToken: string },
  timeoutMs = 5_000,
): Twilio {
  const httpClient = new LocalClient(target.url, timeoutMs);
  return twilio(target.accountSid, target.authToken, { httpClient });
}
