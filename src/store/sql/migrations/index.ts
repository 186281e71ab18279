/** Every migration in order. A released one is never edited; what changes gets a new number. */
import type { Migration } from 'kysely/migration';
import * as people from './0001-people.ts';
import * as conversations from './0002-conversations.ts';
import * as care from './0003-care.ts';
import * as operations from './0004-operations.ts';
import * as messages from './0005-messages.ts';
import * as afterCall from './0006-after-call.ts';
import * as holders from './0007-holders.ts';
import * as heldAlerts from './0008-held-alerts.ts';

export const MIGRATIONS = {
  '0001-people': people,
  '0002-conversations': conversations,
  '0003-care': care,
  '0004-operations': operations,
  '0005-messages': messages,
  '0006-after-call': afterCall,
  '0007-holders': holders,
  '0008-held-alerts': heldAlerts,
} as const satisfies Record<string, Migration>;
