import { z } from 'zod';
import type { RepositoryPermission, WorkspacePermission } from '../../core/ports.js';

/**
 * What stands for an admin where our own credential may not ask Bitbucket (design.md §6.9).
 *
 * - `admin_page`: a fresh, signed call for a page that Bitbucket shows to admins only.
 * - `reader_page`: the same for a page that Bitbucket shows to all who can read the repository: never more than reading.
 * - `none`: nothing; only Bitbucket's answer counts.
 */
const proofs = z.enum(['admin_page', 'reader_page', 'none']);

/** Who looks at what, as a door has proved it. Each door leaves one in `res.locals.panel`, or hands it over. */
export const panelIdentity = z.object({
  door: z.enum(['connect', 'forge', 'oauth']),
  workspaceUuid: z.string().min(1),
  repoUuid: z.string().min(1),
  userUuid: z.string().min(1),
  /** Null: Bitbucket is asked for it. */
  userName: z.string().min(1).nullable(),
  proof: proofs,
});

export type PanelIdentity = z.infer<typeof panelIdentity>;

/** The same for a page of a whole workspace. */
export const workspaceIdentity = panelIdentity.omit({ repoUuid: true });
export type WorkspaceIdentity = z.infer<typeof workspaceIdentity>;

export type Rights = 'admin' | 'read';
export const rights = z.enum(['admin', 'read']);

export function mayChangeRepository(
  permission: RepositoryPermission,
  { proof }: Pick<PanelIdentity, 'proof'>,
): boolean {
  if (proof === 'reader_page') return false;
  return permission === 'admin' || (permission === 'unknown' && proof === 'admin_page');
}

/** `unknown` is no: what may not be asked is not taken for granted. */
export function mayReadRepository(permission: RepositoryPermission): boolean {
  return permission === 'admin' || permission === 'write' || permission === 'read';
}

export function mayChangeWorkspace(
  permission: WorkspacePermission,
  { proof }: Pick<PanelIdentity, 'proof'>,
): boolean {
  return permission === 'admin' || (permission === 'unknown' && proof === 'admin_page');
}
