import type { Config } from './config.ts';

/** Something the operator should know about a configuration that is allowed all the same. */
export type ConfigNotice = {
  readonly what: 'emulated' | 'one-instance' | 'evaluation-only';
  /** The variables that would change it. */
  readonly variables: readonly string[];
  readonly text: string;
};

/** Every notice that applies. No values in them. */
export function configNotices(config: Config): ConfigNotice[] {
  const notices: ConfigNotice[] = [];
  if (config.mode === 'emulated') {
    notices.push({
      what: 'emulated',
      variables: config.missingKeys,
      text: 'Running on emulators: no call reaches a telephone.',
    });
  }
  if (config.redisUrl === undefined) {
    notices.push({
      what: 'one-instance',
      variables: ['REDIS_URL'],
      text: 'Call state stays in this process: run one instance only.',
    });
  }
  if (config.databaseUrl === undefined) {
    notices.push({
      what: 'evaluation-only',
      variables: ['DATABASE_URL'],
      text: 'No database server: for evaluation on one machine only.',
    });
  }
  return notices;
}
