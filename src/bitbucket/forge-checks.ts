import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { RepositoryPermission } from '../core/ports.js';
import { bareUuid, sameUuid } from '../lib/same-uuid.js';
import { apiPath, quoted, type Rest } from './rest.js';

type BearerRest = Pick<Rest, 'readWith'>;

/**
 * Whether Bitbucket still takes a token. False: it refuses it, or shows it nothing any more. Throws `BitbucketError` when
 * nothing can be said now.
 */
export async function isTokenTaken(
  rest: BearerRest,
  bearer: string,
  workspaceUuid: string,
): Promise<boolean> {
  const path = apiPath(['workspaces', workspaceUuid], { fields: 'uuid' });
  try {
    await rest.readWith(bearer, { what: 'try token', workspaceUuid, path }, z.object({}));
    return true;
  } catch (error) {
    if (error instanceof BitbucketError && isRefusal(error)) return false;
    throw error;
  }
}

/** What somebody may do in a repository, as their own token says, and their name where Bitbucket tells it. */
export interface ViewerFacts {
  permission: RepositoryPermission;
  uuid: string | null;
  name: string | null;
}

const permissionsPage = z.object({
  values: z.array(
    z.object({
      permission: z.string(),
      user: z.object({ uuid: z.string().nullish(), display_name: z.string().nullish() }).nullish(),
      repository: z.object({ uuid: z.string().nullish() }).nullish(),
    }),
  ),
});

const membership = z.object({
  permission: z.string(),
  user: z.object({ uuid: z.string().nullish(), display_name: z.string().nullish() }).nullish(),
});

/**
 * Asked in the viewer's own name (reference/bitbucket-forge.md §5). Owners of a workspace administer all its repositories and may
 * have no row for this one. `unknown`: Bitbucket does not let us ask.
 */
export async function readViewer(
  rest: BearerRest,
  userToken: string,
  { workspaceUuid, uuid }: Pick<Repository, 'workspaceUuid' | 'uuid'>,
): Promise<ViewerFacts> {
  try {
    const path = apiPath(['user', 'workspaces', workspaceUuid, 'permissions', 'repositories'], {
      q: `repository.uuid=${quoted(`{${bareUuid(uuid)}}`)}`,
      pagelen: '100',
    });
    const call = { what: 'read own permission', workspaceUuid, path };
    const { values } = await rest.readWith(userToken, call, permissionsPage);
    const own = values.filter(({ repository }) => sameUuid(repository?.uuid ?? '', uuid));
    const user = own[0]?.user;
    const found = ranks.find((rank) => own.some(({ permission }) => permission === rank));
    if (found === 'admin') return { permission: 'admin', ...named(user) };
    const owner = await readMembership(rest, userToken, workspaceUuid);
    if (owner.isOwner) return { ...owner.facts, permission: 'admin' };
    return { ...owner.facts, permission: found ?? 'none' };
  } catch (error) {
    if (error instanceof BitbucketError && isRefusal(error)) {
      return { permission: 'unknown', uuid: null, name: null };
    }
    throw error;
  }
}

/** What the viewer may do in the workspace itself. Throws `BitbucketError`. */
export async function readMembership(
  rest: BearerRest,
  userToken: string,
  workspaceUuid: string,
): Promise<{ isOwner: boolean; facts: { uuid: string | null; name: string | null } }> {
  const path = apiPath(['user', 'workspaces', workspaceUuid, 'permission']);
  const call = { what: 'read own workspace permission', workspaceUuid, path };
  const { permission, user } = await rest.readWith(userToken, call, membership);
  return { isOwner: permission === 'owner', facts: named(user) };
}

const ranks = ['admin', 'write', 'read'] as const;

function named(
  user:
    | { uuid?: string | null | undefined; display_name?: string | null | undefined }
    | null
    | undefined,
): { uuid: string | null; name: string | null } {
  return { uuid: user?.uuid ?? null, name: user?.display_name ?? null };
}

function isRefusal({ status }: BitbucketError): boolean {
  return status === 401 || status === 403 || status === 404;
}
