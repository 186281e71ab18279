import type { LlmVendor } from '../../adapters/llm/port.ts';
import type { Person } from '../../src/companion/person.ts';
import type { Jobs } from '../../src/store/jobs/job-types.ts';
import type { Alerts } from '../../src/store/sql/alerts.ts';
import type { Analyses } from '../../src/store/sql/analyses.ts';
import type { Conversations } from '../../src/store/sql/conversations.ts';
import type { Database } from '../../src/store/sql/database.ts';
import type { Memories } from '../../src/store/sql/memories.ts';
import type { PeopleStore } from '../../src/store/sql/people.ts';
import type { PlaceCallResult } from '../calls.ts';

/** What the steps after a call stand on. */
export type AfterCall = {
  readonly database: Pick<Database, 'withScope'>;
  readonly conversations: Conversations;
  readonly memories: Memories;
  readonly analyses: Analyses;
  readonly alerts: Alerts;
  readonly people: PeopleStore;
  readonly jobs: Jobs;
  /** The best first. */
  readonly models: readonly LlmVendor[];
  /** Rings somebody. Undefined: nobody is rung from here. */
  readonly place: ((person: Person) => Promise<PlaceCallResult>) | undefined;
  /** False: this instance has no room for another call, or is leaving. Somebody else may have. */
  readonly mayPlace: () => boolean;
  readonly tell: (event: AfterCallEvent) => void;
};

/** What an operator should know. Ids and counts only. */
export type AfterCallEvent =
  | {
      readonly what: 'call-analysed';
      readonly callSid: string;
      /** A vendor, or 'rules'. */
      readonly model: string;
      readonly concernCount: number;
    }
  | {
      readonly what: 'memories-kept';
      readonly callSid: string;
      readonly addedCount: number;
      readonly strengthenedCount: number;
    }
  /** 'too-late': the loss is long past. 'in-touch': they have been on the line since, or the call went on. */
  | {
      readonly what: 'call-back';
      readonly callSid: string;
      readonly outcome: 'placed' | 'not-allowed' | 'too-late' | 'in-touch';
    }
  /** No caregiver is told before one of us has released it. */
  | { readonly what: 'alert-held'; readonly alertId: string; readonly severity: string }
  /** `plannedCount` 0: there is nobody who could be told. */
  | {
      readonly what: 'alert-deliveries-planned';
      readonly alertId: string;
      readonly severity: string;
      readonly plannedCount: number;
    };
