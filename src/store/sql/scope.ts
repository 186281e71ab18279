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
 * What begins a scoped transaction, in one message. Role and settings end with the transaction. All
 * four are always set, so that nothing left over on a connection can matter.
 * @throws Error for an id that is not a UUID: what stands in the text is one, or a name of ours.
 */
export function beginIn(scope: Scope): string {
  const [admin, caregiver, senior] = [
    scope.kind === 'admin' ? checked(scope.adminId) : '',
    scope.kind === 'caregiver' ? checked(scope.caregiverId) : '',
    scope.kind === 'senior-call' ? checked(scope.seniorId) : '',
  ];
  const role = SCOPE_ROLES[scope.kind];
  // In one field: a row is described field by field.
  return (
    `begin; select concat(set_config('app.admin_id', '${admin}', true), ` +
    `set_config('app.caregiver_id', '${caregiver}', true), ` +
    `set_config('app.senior_id', '${senior}', true), set_config('role', '${role}', true))`
  );
}

function checked(id: string): string {
  if (!isUuid(id)) throw new Error('a scope takes UUIDs');
  return id;
}
