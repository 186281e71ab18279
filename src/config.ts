/**
 * The environment contract: every variable the server reads, checked once, at start.
 *
 * `loadConfig` is pure. It reports every problem at once and never repeats a value, because the
 * message ends up in logs and most values are secrets. In production it fails closed; elsewhere
 * missing vendor keys mean that the server runs on the emulators.
 */
import type { z } from 'zod';
import { schemaFor } from './config-schema.ts';
import { isLoopback, type Environment, type LogLevel } from './config-values.ts';
import { ConfigError } from './errors.ts';

export type { Environment, LogLevel };

export type Config = {
  readonly environment: Environment;
  /** 'vendors': every key is there. 'emulated': `missingKeys` are not, see `withEmulators`. */
  readonly mode: 'vendors' | 'emulated';
  /** Names of the vendor variables that are not set; empty when `mode` is 'vendors'. */
  readonly missingKeys: readonly string[];
  readonly http: {
    /** 0 outside production: any free port, see `withListeningPort`. */
    readonly port: number;
    /** Where the world reaches us, without a slash at the end. Signatures are made over it. */
    readonly publicUrl: string;
    readonly publicUrlIsSet: boolean;
    /** Proxies of our own, whose `X-Forwarded-For` says who sent a request. */
    readonly trustedProxies: readonly string[];
  };
  /**
   * The doors for development are open: never in production, and where calls would reach telephones
   * only by order.
   */
  readonly devRoutes: boolean;
  /** Dialling somebody makes a telephone ring. */
  readonly reachesTelephones: boolean;
  /** Who is taken for the person whose number calls: docs/runbook.md. */
  readonly trustCallerId: 'unless-failed' | 'attested';
  /** In the URLs that the carrier is given, besides its signature. Undefined: the signature alone. */
  readonly webhookSecret: string | undefined;
  /** Who bears it may use `/admin`. Undefined: there is no such thing. */
  readonly adminToken: string | undefined;
  readonly twilio: {
    readonly accountSid: string;
    readonly authToken: string;
    /** E.164. */
    readonly phoneNumber: string;
    /** Undefined: the vendor itself, here and below. No slash at the end. */
    readonly baseUrl: string | undefined;
  };
  readonly deepgram: {
    readonly apiKey: string;
    readonly baseUrl: string | undefined;
    /** Audio in one message to the recogniser. */
    readonly groupMs: number;
  };
  readonly anthropic: {
    readonly apiKey: string;
    readonly baseUrl: string | undefined;
    readonly model: string;
  };
  readonly gemini: {
    /** Undefined: this rung of the ladder is not there. */
    readonly apiKey: string | undefined;
    readonly baseUrl: string | undefined;
    readonly model: string;
  };
  readonly elevenlabs: {
    readonly apiKey: string;
    readonly baseUrl: string | undefined;
    readonly voiceId: string;
  };
  /** Undefined: state is kept in the process, and there can be one instance only. */
  readonly redisUrl: string | undefined;
  /** Always set in production. */
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** 32 bytes each; the first seals, all open. Undefined: never in production, see key-file.ts. */
  readonly encryptionKeys: readonly Uint8Array[] | undefined;
  readonly drainTimeoutMs: number;
  readonly maxCalls: number;
  readonly logLevel: LogLevel;
  /** Who bears it may read `/metrics`. Undefined: this machine only, and in production nobody. */
  readonly metricsToken: string | undefined;
  readonly sentryDsn: string | undefined;
  readonly telemetry: {
    readonly honeycombApiKey: string | undefined;
    readonly otlpEndpoint: string | undefined;
  };
};

/** The vendor keys without which there is no call. */
const VENDOR_KEYS = [
  'TWILIO_ACCOUNT_SID',
  'TWILIO_AUTH_TOKEN',
  'TWILIO_PHONE_NUMBER',
  'DEEPGRAM_API_KEY',
  'ANTHROPIC_API_KEY',
  'ELEVENLABS_API_KEY',
  'ELEVENLABS_VOICE_ID',
] as const;

const PRODUCTION_KEYS = [...VENDOR_KEYS, 'PUBLIC_URL', 'DATABASE_URL', 'ENCRYPTION_KEY'] as const;

/** Stand-ins for missing keys. They satisfy the SDKs' own checks and open nothing anywhere. */
const EMULATED = {
  accountSid: `AC${'0'.repeat(32)}`,
  authToken: 'emulated-twilio-token',
  /** A number reserved for fiction. */
  phoneNumber: '+15005550006',
  apiKey: 'emulated-key',
  voiceId: 'emulated-voice',
} as const;

/**
 * Whether strangers could sign webhooks: the carrier's key is the one above, and they can reach us.
 */
function isForgeable(known: ReadonlyMap<string, string>): boolean {
  const url = known.get('PUBLIC_URL') ?? '';
  const authToken = known.get('TWILIO_AUTH_TOKEN') ?? EMULATED.authToken;
  return authToken === EMULATED.authToken && URL.canParse(url) && !isLoopback(new URL(url));
}

type Parsed = z.output<ReturnType<typeof schemaFor>>;

/** Every variable the server reads by name. The other `OTEL_*` are read by OpenTelemetry itself. */
export const VARIABLES: readonly string[] = Object.keys(schemaFor('development').shape);

/** The known variables, trimmed; what is empty counts as not set. */
function knownVariables(env: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const known = new Map<string, string>();
  for (const name of VARIABLES) {
    const value = env[name]?.trim();
    if (value) known.set(name, value);
  }
  return known;
}

/** An unknown NODE_ENV is held to production's rules as well as being a problem itself. */
function environmentOf(value: string | undefined): Environment {
  if (value === undefined || value === 'development') return 'development';
  return value === 'test' ? 'test' : 'production';
}

/**
 * Reads and checks the environment (usually `process.env`).
 * @throws ConfigError naming every problem, never a value.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = knownVariables(env);
  const environment = environmentOf(known.get('NODE_ENV'));
  const problems: string[] = [];
  if (environment === 'production') {
    for (const name of PRODUCTION_KEYS) {
      if (!known.has(name)) problems.push(`${name} is required in production`);
    }
  }
  const parsed = schemaFor(environment).safeParse(Object.fromEntries(known));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      problems.push(`${issue.path.map(String).join('.')} ${issue.message}`);
    }
  }
  const isTold = problems.some((problem) => /^(?:PUBLIC_URL|TWILIO_AUTH_TOKEN) /.test(problem));
  if (!isTold && isForgeable(known)) {
    problems.push('TWILIO_AUTH_TOKEN must be set, and a secret, unless PUBLIC_URL is this machine');
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return configFrom(parsed.data, environment);
}

function configFrom(parsed: Parsed, environment: Environment): Config {
  const missingKeys = VENDOR_KEYS.filter((name) => parsed[name] === undefined);
  const isWhole = missingKeys.length === 0;
  const carrier = parsed.TWILIO_BASE_URL;
  const reachesTelephones = isWhole && (carrier === undefined || !isLoopback(new URL(carrier)));
  return {
    environment,
    mode: isWhole ? 'vendors' : 'emulated',
    missingKeys,
    reachesTelephones,
    devRoutes: devRoutesIn(parsed, environment, reachesTelephones),
    trustCallerId: parsed.TRUST_CALLER_ID,
    webhookSecret: parsed.WEBHOOK_SECRET,
    adminToken: parsed.ADMIN_TOKEN,
    http: {
      port: parsed.PORT,
      publicUrl: parsed.PUBLIC_URL ?? `http://127.0.0.1:${parsed.PORT}`,
      publicUrlIsSet: parsed.PUBLIC_URL !== undefined,
      trustedProxies: parsed.TRUSTED_PROXIES ?? [],
    },
    ...vendorsFrom(parsed),
    redisUrl: parsed.REDIS_URL,
    databaseUrl: parsed.DATABASE_URL,
    dataDir: parsed.DATA_DIR,
    encryptionKeys: parsed.ENCRYPTION_KEY,
    drainTimeoutMs: parsed.DRAIN_TIMEOUT_MS,
    maxCalls: parsed.MAX_CALLS,
    logLevel: parsed.LOG_LEVEL,
    metricsToken: parsed.METRICS_TOKEN,
    sentryDsn: parsed.SENTRY_DSN,
    telemetry: {
      honeycombApiKey: parsed.HONEYCOMB_API_KEY,
      otlpEndpoint: parsed.OTEL_EXPORTER_OTLP_ENDPOINT,
    },
  };
}

function devRoutesIn(
  { DEV_ROUTES: wanted }: Parsed,
  environment: Environment,
  reachesTelephones: boolean,
): boolean {
  if (environment === 'production' || wanted === 'off') return false;
  return wanted === 'on' || !reachesTelephones;
}

function vendorsFrom(
  parsed: Parsed,
): Pick<Config, 'twilio' | 'deepgram' | 'anthropic' | 'gemini' | 'elevenlabs'> {
  return {
    twilio: {
      accountSid: parsed.TWILIO_ACCOUNT_SID ?? EMULATED.accountSid,
      authToken: parsed.TWILIO_AUTH_TOKEN ?? EMULATED.authToken,
      phoneNumber: parsed.TWILIO_PHONE_NUMBER ?? EMULATED.phoneNumber,
      baseUrl: parsed.TWILIO_BASE_URL,
    },
    deepgram: {
      apiKey: parsed.DEEPGRAM_API_KEY ?? EMULATED.apiKey,
      baseUrl: parsed.DEEPGRAM_BASE_URL,
      groupMs: parsed.DEEPGRAM_GROUP_MS,
    },
    anthropic: {
      apiKey: parsed.ANTHROPIC_API_KEY ?? EMULATED.apiKey,
      baseUrl: parsed.ANTHROPIC_BASE_URL,
      model: parsed.CLAUDE_MODEL,
    },
    gemini: {
      apiKey: parsed.GEMINI_API_KEY,
      baseUrl: parsed.GEMINI_BASE_URL,
      model: parsed.GEMINI_MODEL,
    },
    elevenlabs: {
      apiKey: parsed.ELEVENLABS_API_KEY ?? EMULATED.apiKey,
      baseUrl: parsed.ELEVENLABS_BASE_URL,
      voiceId: parsed.ELEVENLABS_VOICE_ID ?? EMULATED.voiceId,
    },
  };
}

/** The `wss://` (or, on this machine, `ws://`) address that TwiML sends Twilio's stream to. */
export function mediaStreamUrl(config: Config): string {
  return `${config.http.publicUrl.replace(/^http/, 'ws')}/media-stream`;
}

/** The absolute URL of a webhook's path, as the carrier is given it: with WEBHOOK_SECRET, if set. */
export function webhookUrl({ http, webhookSecret }: Config, path: string): string {
  const query = webhookSecret === undefined ? '' : `?key=${webhookSecret}`;
  return `${http.publicUrl}${path}${query}`;
}

/** The configuration once the server listens: the real port, where any free one was asked for. */
export function withListeningPort(config: Config, port: number): Config {
  const publicUrl = config.http.publicUrlIsSet ? config.http.publicUrl : `http://127.0.0.1:${port}`;
  return { ...config, http: { ...config.http, port, publicUrl } };
}

export type EmulatedVendor = 'twilio' | 'deepgram' | 'anthropic' | 'elevenlabs';

/**
 * Points the vendors at emulators. A base URL that was set by hand stays. Gemini is emulated only
 * where there is an emulator for it.
 * @throws Error in production, where no emulator may ever answer.
 */
export function withEmulators(
  config: Config,
  urls: Readonly<Record<EmulatedVendor, string>> & { readonly gemini?: string },
): Config {
  if (config.environment === 'production') throw new Error('no emulators in production');
  const { gemini } = config;
  const second =
    urls.gemini === undefined
      ? gemini
      : {
          ...gemini,
          apiKey: gemini.apiKey ?? EMULATED.apiKey,
          baseUrl: gemini.baseUrl ?? urls.gemini,
        };
  return {
    ...config,
    twilio: { ...config.twilio, baseUrl: config.twilio.baseUrl ?? urls.twilio },
    deepgram: { ...config.deepgram, baseUrl: config.deepgram.baseUrl ?? urls.deepgram },
    anthropic: { ...config.anthropic, baseUrl: config.anthropic.baseUrl ?? urls.anthropic },
    gemini: second,
    elevenlabs: { ...config.elevenlabs, baseUrl: config.elevenlabs.baseUrl ?? urls.elevenlabs },
  };
}
