import type { Config } from './config.ts';

const TEXTS = {
  unreachable: 'Twilio cannot reach this server: PUBLIC_URL is not set.',
  emulated: 'Running on emulators: no call reaches a telephone.',
  'one-instance': 'Call state stays in this process: run one instance only.',
  'evaluation-only': 'No database server: for evaluation on one machine only.',
} as const;

/** Something the operator should know about a configuration that is allowed all the same. */
export type ConfigNotice = {
  readonly what: keyof typeof TEXTS;
  /** The variables that would change it. */
  readonly variables: readonly string[];
  readonly text: (typeof TEXTS)[keyof typeof TEXTS];
};

/** Every notice that applies. No values in them. */
export function configNotices(config: Config): ConfigNotice[] {
  const notices: ConfigNotice[] = [];
  if (config.mode === 'emulated') {
    notices.push({
      what: 'emulated',
      variables: config.missingKeys,
      text: TEXTS.emulated,
    });
  }
  if (config.mode !== 'emulated' && !config.http.publicUrlIsSet) {
    notices.push({ what: 'unreachable', variables: ['PUBLIC_URL'], text: TEXTS.unreachable });
  }
  if (config.redisUrl === undefined) {
    notices.push({
      what: 'one-instance',
      variables: ['REDIS_URL'],
      text: TEXTS['one-instance'],
    });
  }
  if (config.databaseUrl === undefined) {
    notices.push({
      what: 'evaluation-only',
      variables: ['DATABASE_URL'],
      text: TEXTS['evaluation-only'],
    });
  }
  return notices;
}
