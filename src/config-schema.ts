/** Every variable that the server reads, and what it may be. */
import { z } from 'zod';
import {
  addressRanges,
  baseUrl,
  encryptionKeys,
  type Environment,
  integer,
  LOG_LEVELS,
  oneOf,
  pathName,
  publicUrl,
  secret,
  sentryDsn,
  serverUrl,
  urlSecret,
} from './config-values.ts';

const DEFAULT_PORT = 8080;

/** Variables by name, each with the rule for its value and its default. */
export function schemaFor(environment: Environment) {
  const base = baseUrl(environment).optional();
  return z.object({
    NODE_ENV: oneOf(['production', 'development', 'test']).default('development'),
    PORT: integer(environment === 'production' ? 1 : 0, 65_535, '').default(DEFAULT_PORT),
    PUBLIC_URL: publicUrl(environment).optional(),
    DATA_DIR: z.string().default('data'),
    DATABASE_URL: serverUrl(['postgres', 'postgresql']).optional(),
    REDIS_URL: serverUrl(['redis', 'rediss']).optional(),
    LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
    /** Orchestrators commonly kill 30 s after SIGTERM; this leaves 5 s to write and exit. */
    DRAIN_TIMEOUT_MS: integer(0, 3_600_000, ' (milliseconds)').default(25_000),
    MAX_CALLS: integer(1, 10_000, '').default(50),
    TWILIO_ACCOUNT_SID: z
      .string()
      .regex(/^AC[0-9A-Za-z]+$/, { error: 'must start with AC, then letters and digits' })
      .optional(),
    TWILIO_AUTH_TOKEN: secret.optional(),
    TWILIO_PHONE_NUMBER: z
      .string()
      .regex(/^\+[1-9]\d{6,14}$/, { error: 'must be an E.164 number: + and 7 to 15 digits' })
      .optional(),
    TWILIO_BASE_URL: base,
    DEEPGRAM_API_KEY: secret.optional(),
    DEEPGRAM_BASE_URL: base,
    /** What Deepgram recommends. */
    DEEPGRAM_GROUP_MS: integer(20, 80, ' (milliseconds)').default(80),
    ANTHROPIC_API_KEY: secret.optional(),
    ANTHROPIC_BASE_URL: base,
    // The fastest current model of each vendor: a caller waits for its first words.
    CLAUDE_MODEL: pathName.default('claude-haiku-5-5'),
    GEMINI_API_KEY: secret.optional(),
    GEMINI_BASE_URL: base,
    GEMINI_MODEL: pathName.default('gemini-3.5-flash-lite'),
    ELEVENLABS_API_KEY: secret.optional(),
    ELEVENLABS_BASE_URL: base,
    ELEVENLABS_VOICE_ID: pathName.optional(),
    ENCRYPTION_KEY: encryptionKeys(environment).optional(),
    ADMIN_TOKEN: secret.min(32, { error: 'must have 32 characters or more' }).optional(),
    WEBHOOK_SECRET: urlSecret
      .min(16, { error: 'must have 16 characters or more' })
      .max(128, { error: 'must have 128 characters or fewer' })
      .optional(),
    TRUST_CALLER_ID: oneOf(['unless-failed', 'attested']).default('unless-failed'),
    TRUSTED_PROXIES: addressRanges.optional(),
    DEV_ROUTES: oneOf(environment === 'production' ? ['off'] : ['on', 'off']).optional(),
    METRICS_TOKEN: secret.min(16, { error: 'must have 16 characters or more' }).optional(),
    SENTRY_DSN: sentryDsn.optional(),
    HONEYCOMB_API_KEY: secret.optional(),
    OTEL_EXPORTER_OTLP_ENDPOINT: base,
  });
}
