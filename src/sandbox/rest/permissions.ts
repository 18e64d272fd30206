import { userShape } from '../shapes/accounts.js';
import { repositoryReference } from '../shapes/repositories.js';
import { hrefs } from '../shapes/links.js';
import type { JsonObject } from '../json.js';
import type { Permission, Repository, User } from '../state/model.js';
import type { World } from '../world.js';
import { ok, param, repositoryOf, wholeWorkspaceOf, type Call, type Result } from './call.js';
import { RestError } from './errors.js';
import { listResult } from './list.js';

function permissionShape(
  world: World,
  repository: Repository,
  user: User,
  permission: Permission,
): JsonObject {
  const workspace = world.state.workspaceOf(repository);
  return {
    type: 'repository_permission',
    permission,
    user: userShape(world.links, user),
    repository: repositoryReference(world.links, repository, workspace),
  };
}

/** Whether an app's own token may ask is not established; the switch gives the other answer. */
function refuseApps(call: Call): void {
  const { caller, world } = call;
  if (caller.kind === 'anonymous') throw new RestError(401, 'Authentication required');
  // Access tokens never may (§1.7).
  const refused =
    (caller.kind === 'app' && caller.credential === 'access_token') ||
    (caller.kind === 'installation' && !world.state.settings.app_may_read_permissions);
  if (refused) throw new RestError(403, 'This API is not available to this type of credential.');
}

/** bitbucket-api §4.10, 2: everybody's permission on one repository, for its admins. */
export function listRepositoryPermissions(call: Call): Result {
  refuseApps(call);
  wholeWorkspaceOf(call);
  const repository = repositoryOf(call, 'admin');
  const { state } = call.world;
  const values = state.users.flatMap((user) => {
    const permission = state.permission(user, repository);
    return permission ? [permissionShape(call.world, repository, user, permission)] : [];
  });
  return listResult(call, values);
}

/** §4.10, 1: what the caller may do in a workspace's repositories. */
export function listOwnPermissions(call: Call): Result {
  refuseApps(call);
  const workspace = wholeWorkspaceOf(call);
  const { state } = call.world;
  const { caller } = call;
  if (caller.kind !== 'user') return listResult(call, []);
  const values = state.repositories
    .filter((repository) => repository.workspace_uuid === workspace.uuid)
    .flatMap((repository) => {
      const permission = state.permission(caller.user, repository);
      return permission ? [permissionShape(call.world, repository, caller.user, permission)] : [];
    });
  return listResult(call, values);
}

/** §4.10, 3: what somebody was given on the repository itself, `none` included. */
export function readExplicitPermission(call: Call): Result {
  refuseApps(call);
  const { world } = call;
  const repository = repositoryOf(call, 'admin');
  const user = world.state.user(param(call, 'user'));
  if (!user) throw new RestError(404, `User ${param(call, 'user')} not found`);
  const fullName = world.state.fullName(repository);
  const id = encodeURIComponent(user.uuid);
  const self = `${world.links.repositoryApi(fullName, 'permissions-config/users')}/${id}`;
  return ok({
    type: 'repository_user_permission',
    permission: repository.permissions[user.uuid] ?? 'none',
    user: userShape(world.links, user),
    links: hrefs({ self }),
  });
}
