import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { RepositoryPermission } from '../core/ports.js';
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
  // It goes into a query language below, and nobody has a name like that.
  if (!/^\{[0-9a-f-]{36}\}$/i.test(userUuid)) return 'none';
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(['workspaces', workspaceUuid, 'permissions', 'repositories', uuid], {
    q: `user.uuid=${quoted(userUuid)}`,
    pagelen: '100',
    fields: 'values.permission',
  });
  try {
    const call = { what: 'read permission', workspaceUuid, path };
    return highest((await rest.read(call, permissionPageShape)).values);
  } catch (error) {
    // Private things that may not be seen answer 404 as often as 403 (§3.3).
    const mayNotAsk = error instanceof BitbucketError && [403, 404].includes(error.status ?? 0);
    if (mayNotAsk) return 'unknown';
    throw error;
  }
}

const namePageShape = z.object({
  values: z.array(z.object({ user: z.object({ display_name: z.string() }).nullish() })),
});

/** Display name of somebody who may see the repository; null when Bitbucket does not tell us. */
export async function readPersonName(
  rest: Rest,
  repository: Repository,
  userUuid: string,
): Promise<string | null> {
  if (!/^\{[0-9a-f-]{36}\}$/i.test(userUuid)) return null;
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(['workspaces', workspaceUuid, 'permissions', 'repositories', uuid], {
    q: `user.uuid=${quoted(userUuid)}`,
    pagelen: '1',
    fields: 'values.user.display_name',
  });
  try {
    const call = { what: 'read name', workspaceUuid, path };
    const [first] = (await rest.read(call, namePageShape)).values;
    return first?.user?.display_name ?? null;
  } catch (error) {
    // A name is worth no error page.
    if (error instanceof BitbucketError) return null;
    throw error;
  }
}

function highest(values: readonly { permission: string }[]): RepositoryPermission {
  const best = Math.max(
    -1,
    ...values.map(({ permission }) => ranks.findIndex((rank) => rank === permission)),
  );
  return ranks[best] ?? 'none';
}
