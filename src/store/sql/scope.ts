/**
 * Who is asking. Every read and write happens in a transaction that has stepped down to the role of
 * its scope; none of the roles can bypass row-level security, and each sees what its policies say.
 */
import { isUuid } from '../uuid.ts';

export type Scope =
  /** The server itself: webhooks, jobs, the call before it is known whose it is. */
  | { readonly kind: 'service' }
  | { readonly kind: 'admin'; readonly adminId: string }
  /** Sees what belongs to the seniors they are linked to. */
  | { readonly kind: 'caregiver'; readonly caregiverId: string }
  /** A call with one senior: sees that senior's rows only. */
  | { readonly kind: 'senior-call'; readonly seniorId: string };

/** The roles that scopes step down to. */
export const SCOPE_ROLES: Readonly<Record<Scope['kind'], string>> = {
  service: 'hearthline_service',
  admin: 'hearthline_admin',
  caregiver: 'hearthline_caregiver',
  'senior-call': 'hearthline_call',
};

/**
 * The statement that begins a scoped transaction, after BEGIN. Role and settings end with the
 * transaction. All four are always set, so that nothing left over on a connection can matter.
 * @throws Error for an id that is not a UUID; it is put into a query by value.
 */
export function scopeStatement(scope: Scope): { text: string; values: string[] } {
  const [admin, caregiver, senior] = [
    scope.kind === 'admin' ? checked(scope.adminId) : '',
    scope.kind === 'caregiver' ? checked(scope.caregiverId) : '',
    scope.kind === 'senior-call' ? checked(scope.seniorId) : '',
  ];
  return {
    text:
      `select set_config('app.admin_id', $1, true), set_config('app.caregiver_id', $2, true), ` +
      `set_config('app.senior_id', $3, true), set_config('role', $4, true)`,
    values: [admin, caregiver, senior, SCOPE_ROLES[scope.kind]],
  };
}

function checked(id: string): string {
  if (!isUuid(id)) throw new Error('a scope takes UUIDs');
  return id;
}
