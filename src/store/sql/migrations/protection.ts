/**
 * How a table of ours is protected: row-level security, forced on its owner as well, and one policy
 * per role and verb. Migrations that were released stand on this file: its output for the same
 * input must not change.
 *
 * Roles are those of `scope.ts`. A policy applies to every *member* of its role, and the role that
 * we log in with is a member of them all; so each policy asks for the role itself. Without
 * `SET LOCAL ROLE` there is nothing to see.
 */
import { type Kysely, sql } from 'kysely';

export type RoleKind = 'service' | 'admin' | 'caregiver' | 'call';

export const ROLE_KINDS: readonly RoleKind[] = ['service', 'admin', 'caregiver', 'call'];

export const roleName = (kind: RoleKind): string => `hearthline_${kind}`;

type Verb = 'select' | 'insert' | 'update' | 'delete';

export type Access = {
  readonly role: RoleKind;
  readonly verbs: readonly Verb[];
  /** SQL over the row; left out: every row. */
  readonly rows?: string;
  /** Columns that may be updated; left out: all of them. */
  readonly columns?: readonly string[];
};

/** Seniors whom the asking caregiver looks after now. `care_links` has a policy of its own. */
export const THEIR_SENIORS =
  'senior_id in (select l.senior_id from care_links l where l.caregiver_id = app_caregiver_id() and l.ended_at is null)';

/** The one senior whose call this is. */
export const THIS_SENIOR = 'senior_id = app_senior_id()';

export const ALL: readonly Verb[] = ['select', 'insert', 'update', 'delete'];

// oxlint-disable-next-line typescript/no-explicit-any -- Kysely's own type for migrations.
export type MigrationDb = Kysely<any>;

export async function run(db: MigrationDb, statements: string): Promise<void> {
  await sql.raw(statements).execute(db);
}

export async function protect(
  db: MigrationDb,
  table: string,
  access: readonly Access[],
): Promise<void> {
  const statements = [
    `alter table ${table} enable row level security`,
    `alter table ${table} force row level security`,
    `revoke all on ${table} from public`,
    ...access.flatMap((each) => each.verbs.flatMap((verb) => allow(table, verb, each))),
  ];
  await run(db, statements.join(';\n'));
}

/** New rows for policies that `protect` made; their grants stay. */
export async function redefine(
  db: MigrationDb,
  table: string,
  kind: RoleKind,
  verbs: readonly Verb[],
  rows: string,
): Promise<void> {
  const seen = `current_user = '${roleName(kind)}' and (${rows})`;
  const statements = verbs.map((verb) => {
    const using = verb === 'insert' ? '' : ` using (${seen})`;
    const check = verb === 'insert' || verb === 'update' ? ` with check (${seen})` : '';
    return `alter policy ${table}_${kind}_${verb} on ${table}${using}${check}`;
  });
  await run(db, statements.join(';\n'));
}

function allow(table: string, verb: Verb, access: Access): string[] {
  const role = roleName(access.role);
  const columns =
    verb === 'update' && access.columns !== undefined ? ` (${access.columns.join(', ')})` : '';
  const rows = `current_user = '${role}' and (${access.rows ?? 'true'})`;
  const using = verb === 'insert' ? '' : ` using (${rows})`;
  const check = verb === 'insert' || verb === 'update' ? ` with check (${rows})` : '';
  return [
    `grant ${verb}${columns} on ${table} to ${role}`,
    `create policy ${table}_${access.role}_${verb} on ${table} for ${verb} to ${role}${using}${check}`,
  ];
}
