import { createServer, type Server } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { FaultScript } from '../faults.ts';
import { EmulatorLog } from '../log.ts';
import { runProgram } from './call-program.ts';
import { Call, newSid, type CallHost } from './call.ts';
import { dial, type DialRequest } from './dial.ts';
import type { TwilioEvent } from './events.ts';
import { Person } from './person.ts';
import { handleRest, type NewCall } from './rest-calls.ts';
import { restListener } from './rest.ts';
import { FrameScheduler } from './scheduler.ts';
import type { StatusCallbackTarget } from './status-callbacks.ts';
import type {
  CallerLeg,
  IncomingMessage,
  PhoneNumber,
  PlaceCallOptions,
  SentMessage,
  TwilioEmulator,
  TwilioEmulatorOptions,
  TwilioScript,
} from './types.ts';
import { WebhookClient } from './webhooks.ts';

/** How long last webhooks and scripts may take when the emulator closes. */
const CLOSE_LIMIT_MS = 2_000;

const DEFAULT_SCRIPT: TwilioScript = {
  abruptLoss: { outcome: 'falls-through', delayMs: 0 },
  statusCallbacks: () => ({}),
  dialMs: 5,
  ringMs: 20,
  restMs: 0,
  streamConnectMs: 0,
};

/**
 * Starts Twilio on the loopback: the REST API, the webhooks, and the telephone network with people
 * at its far ends. Rejects when the port is taken.
 */
export async function startTwilioEmulator(
  options: TwilioEmulatorOptions = {},
): Promise<TwilioEmulator> {
  const emulator = new Emulator(options);
  await emulator.listen(options.port ?? 0);
  return emulator;
}

type OutboundHandler = (leg: CallerLeg) => void | Promise<void>;

class Emulator implements TwilioEmulator {
  readonly accountSid: string;
  readonly authToken: string;
  readonly log = new EmulatorLog<TwilioEvent>();
  readonly faults = new FaultScript();
  readonly script: TwilioScript;
  url = '';
  readonly #host: CallHost;
  readonly #server: Server;
  readonly #numbers = new Map<string, PhoneNumber>();
  readonly #calls = new Map<string, Call>();
  readonly #people: Person[] = [];
  readonly #messages: SentMessage[] = [];
  #onOutbound: OutboundHandler | undefined;

  constructor(options: TwilioEmulatorOptions) {
    this.accountSid = options.accountSid ?? `AC${'0'.repeat(31)}1`;
    this.authToken = options.authToken ?? 'emulated-auth-token';
    this.script = { ...DEFAULT_SCRIPT, ...options.script };
    for (const number of options.numbers ?? []) this.setNumber(number);
    const { accountSid, authToken, log, faults, script } = this;
    this.#host = {
      accountSid,
      authToken,
      log,
      faults,
      script,
      webhooks: new WebhookClient(authToken, log),
      scheduler: new FrameScheduler(),
      options,
    };
    const actions = {
      accountSid,
      calls: this.#calls,
      createCall: (request: NewCall) => this.#createOutbound(request),
      sendMessage: (to: string, from: string, body: string) => this.#noteMessage(to, from, body),
    };
    const listener = restListener({
      accountSid,
      authToken,
      log,
      faults,
      script,
      handle: (request) => handleRest(actions, request),
    });
    this.#server = createServer((request, response) => {
      // A request whose client has gone away needs no answer.
      listener(request, response).catch(() => response.destroy());
    });
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP port');
    this.url = `http://127.0.0.1:${address.port}`;
  }

  setNumber(number: PhoneNumber): void {
    this.#numbers.set(number.phoneNumber, number);
  }

  async placeCall(options: PlaceCallOptions): Promise<CallerLeg> {
    const number = this.#numbers.get(options.to);
    const url = options.answerUrl ?? number?.voiceUrl;
    if (url === undefined) throw new Error(`${options.to} has no voice URL`);
    const statusUrl = options.statusUrl ?? number?.statusCallbackUrl;
    const statusCallback: StatusCallbackTarget | undefined =
      statusUrl === undefined
        ? undefined
        : { url: statusUrl, method: 'POST', events: ['completed'] };
    const { from, to } = options;
    const call = this.#addCall({ direction: 'inbound', from, to, statusCallback });
    const person = this.#addPerson(call, false);
    call.own(
      runProgram(call, {
        from: 'url',
        url,
        method: 'POST',
        kind: 'answer',
        params: options.extraParams ?? {},
      }),
    );
    return await Promise.resolve(person);
  }

  onOutboundCall(handler: OutboundHandler): () => void {
    this.#onOutbound = handler;
    return () => {
      if (this.#onOutbound === handler) this.#onOutbound = undefined;
    };
  }

  async sendMessage(message: IncomingMessage): Promise<{ status: number; body: string }> {
    const url = message.url ?? this.#numbers.get(message.to)?.messagingUrl;
    if (url === undefined) throw new Error(`${message.to} has no messaging URL`);
    const sid = newSid('SM');
    const { status, body } = await this.#host.webhooks.send({
      callSid: '',
      kind: 'message',
      url,
      method: 'POST',
      params: {
        AccountSid: this.accountSid,
        ApiVersion: '2010-04-01',
        Body: message.body,
        From: message.from,
        MessageSid: sid,
        NumMedia: '0',
        NumSegments: String(Math.max(1, Math.ceil(message.body.length / 160))),
        SmsMessageSid: sid,
        SmsSid: sid,
        To: message.to,
      },
    });
    return { status, body };
  }

  calls(): readonly CallerLeg[] {
    return this.#people;
  }

  messages(): readonly SentMessage[] {
    return this.#messages;
  }

  async close(): Promise<void> {
    const calls = [...this.#calls.values()];
    for (const call of calls) call.finish('emulator-closed');
    await Promise.all(calls.map((call) => call.settled(CLOSE_LIMIT_MS)));
    this.#host.scheduler.close();
    this.#host.webhooks.close();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #createOutbound(request: NewCall): Call {
    const { to, from, statusCallback } = request;
    const call = this.#addCall({ direction: 'outbound-api', from, to, statusCallback });
    const person = this.#addPerson(call, request.dial.amd?.mode === 'DetectMessageEnd');
    call.own(this.#dial(call, person, request.dial));
    return call;
  }

  async #dial(call: Call, person: Person, request: DialRequest): Promise<void> {
    await dial(call, request, async () => {
      const handler = this.#onOutbound ?? ((leg: CallerLeg) => leg.answer());
      const work = Promise.resolve(handler(person));
      call.own(work);
      return await person.pickup;
    });
  }

  #addCall(options: Omit<ConstructorParameters<typeof Call>[1], 'seed'>): Call {
    const seed = (this.#host.options.seed ?? 1) + this.#calls.size;
    const call = new Call(this.#host, { ...options, seed });
    this.#calls.set(call.sid, call);
    return call;
  }

  #addPerson(call: Call, wantsMessageEnd: boolean): Person {
    const person = new Person(call, wantsMessageEnd);
    this.#people.push(person);
    return person;
  }

  #noteMessage(to: string, from: string, body: string): SentMessage {
    const message: SentMessage = { sid: newSid('SM'), to, from, body, atMs: monotonicMs() };
    this.#messages.push(message);
    this.log.add({ what: 'message-sent', sid: message.sid, to, from, body });
    return message;
  }
}
