/** The tools the model may use in a call. They take no ids: they can only answer, not reach anybody. */

export type CompanionTool = {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Record<string, unknown>;
  /** Answers in plain words. Throws on input it cannot use. */
  run(input: unknown, at: Date): string;
};

const localTime: CompanionTool = {
  name: 'local_time',
  description:
    'The present date and time in a time zone, for questions such as what time it is where a relative lives. Not needed for the time where the caller lives.',
  inputSchema: {
    type: 'object',
    properties: {
      time_zone: { type: 'string', description: 'IANA time zone, for example Australia/Sydney' },
    },
    required: ['time_zone'],
    additionalProperties: false,
  },
  run(input, at) {
    const zone =
      typeof input === 'object' && input !== null && 'time_zone' in input
        ? input.time_zone
        : undefined;
    if (typeof zone !== 'string' || zone.length > 64) throw new Error('time_zone is missing');
    return new Intl.DateTimeFormat('en-GB', {
      weekday: 'long',
      hour: 'numeric',
      minute: '2-digit',
      hour12: true,
      timeZone: zone,
    }).format(at);
  },
};

export const COMPANION_TOOLS: readonly CompanionTool[] = [localTime];
