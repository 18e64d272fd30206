import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { RepositoryPermission, WorkspacePermission } from '../core/ports.js';
import { sameUuid } from '../lib/same-uuid.js';
import { permissionPageShape } from './client-shapes.js';
import { apiPath, quoted, type Rest } from './rest.js';

const ranks = ['read', 'write', 'admin'] as const;

/**
 * A person's highest permission on a repository (reference/bitbucket-api.md §4.10, way 2). The caller must be an admin
 * of the repository itself, which an app token need not be: a refusal is `unknown`, not `none`.
 */
export async function readPermission(
  rest: Rest,
  repository: Repository,
  userUuid: string,
): Promise<RepositoryPermission> {
  if (!isUuid(userUuid)) return 'none';
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(['workspaces', workspaceUuid, 'permissions', 'repositories', uuid], {
    q: `user.uuid=${quoted(userUuid)}`,
    pagelen: '100',
    fields: 'values.permission',
  });
  try {
    const call = { what: 'read permission', workspaceUuid, repositoryUuid: uuid, path };
    return highest((await rest.read(call, permissionPageShape)).values);
  } catch (error) {
    if (mayNotAsk(error)) return 'unknown';
    throw error;
  }
}

/**
 * Whether somebody is an admin of a workspace, in Bitbucket's own word an `owner` (reference/bitbucket-api.md §4.2). The list can
 * be narrowed to owners and no further, so the person is looked for among them. An app token need not be let: `unknown`.
 */
export async function readWorkspacePermission(
  rest: Rest,
  workspaceUuid: string,
  userUuid: string,
): Promise<WorkspacePermission> {
  const first = apiPath(['workspaces', workspaceUuid, 'permissions'], {
    q: 'permission="owner"',
    pagelen: '100',
    fields: 'next,values.permission,values.user.uuid',
  });
  try {
    let page = await readMembers(rest, workspaceUuid, first);
    for (let read = 1; ; read += 1) {
      const isOwner = page.values.some(
        ({ permission, user }) => permission === 'owner' && sameUuid(user?.uuid ?? '', userUuid),
      );
      if (isOwner) return 'admin';
      if (!page.next || read === maxOwnerPages) return 'none';
      page = await readMembers(rest, workspaceUuid, page.next);
    }
  } catch (error) {
    if (mayNotAsk(error)) return 'unknown';
    throw error;
  }
}

function readMembers(rest: Rest, workspaceUuid: string, path: string): Promise<MemberPage> {
  return rest.read({ what: 'read workspace permission', workspaceUuid, path }, memberPageShape);
}

const maxOwnerPages = 20;
const memberPageShape = z.object({
  next: z.string().nullish(),
  values: z.array(
    z.object({ permission: z.string(), user: z.object({ uuid: z.string() }).nullish() }),
  ),
});

type MemberPage = z.infer<typeof memberPageShape>;

const namePageShape = z.object({
  values: z.array(z.object({ user: z.object({ display_name: z.string() }).nullish() })),
});

/** Display name of somebody who may see the repository; null when Bitbucket does not tell us. */
export async function readPersonName(
  rest: Rest,
  repository: Repository,
  userUuid: string,
): Promise<string | null> {
  if (!isUuid(userUuid)) return null;
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(['workspaces', workspaceUuid, 'permissions', 'repositories', uuid], {
    q: `user.uuid=${quoted(userUuid)}`,
    pagelen: '1',
    fields: 'values.user.display_name',
  });
  try {
    const call = { what: 'read name', workspaceUuid, repositoryUuid: uuid, path };
    const [first] = (await rest.read(call, namePageShape)).values;
    return first?.user?.display_name ?? null;
  } catch (error) {
    // A name is worth no error page.
    if (error instanceof BitbucketError) return null;
    throw error;
  }
}

export function highest(values: readonly { permission: string }[]): RepositoryPermission {
  const best = Math.max(
    -1,
    ...values.map(({ permission }) => ranks.findIndex((rank) => rank === permission)),
  );
  return ranks[best] ?? 'none';
}

/** What goes into the query language above must be one. */
export function isUuid(text: string): boolean {
  return /^\{[0-9a-f-]{36}\}$/i.test(text);
}

/** Private things that may not be seen answer 404 as often as 403 (§3.3). */
export function mayNotAsk(error: unknown): boolean {
  return error instanceof BitbucketError && [403, 404].includes(error.status ?? 0);
}
