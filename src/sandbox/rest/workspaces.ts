import { accountShape, fullUserShape, fullWorkspaceShape, ownerShape } from '../shapes/accounts.js';
import { hrefs } from '../shapes/links.js';
import { ok, wholeWorkspaceOf, type Call, type Result } from './call.js';
import { appWorkspace } from './caller.js';
import { RestError } from './errors.js';
import { listResult } from './list.js';

export function readWorkspace(call: Call): Result {
  return ok(fullWorkspaceShape(call.world.links, wholeWorkspaceOf(call)));
}

/** The account behind the credential: a person, or what the app is installed on (§4.1). */
export function readCurrentUser(call: Call): Result {
  const { world, caller } = call;
  if (caller.kind === 'anonymous') throw new RestError(401, 'Authentication required');
  if (caller.kind === 'user') return ok(fullUserShape(world.links, caller.user));
  if (caller.kind === 'app') return ok(accountShape(world.links, caller.app));
  const workspace = world.state.workspace(caller.installation.workspace_uuid);
  if (!workspace) throw new RestError(401, 'Authentication required');
  return ok({ ...ownerShape(world.links, workspace), created_on: workspace.created_on });
}

/** The picker's list: slug and uuid, but no name (§4.2). */
export function listOwnWorkspaces(call: Call): Result {
  const { world, caller } = call;
  if (caller.kind === 'anonymous') throw new RestError(401, 'Authentication required');
  const values = world.state.workspaces.flatMap((workspace) => {
    const role =
      caller.kind === 'user'
        ? workspace.members[caller.user.uuid]
        : workspace.uuid === appWorkspace(caller)
          ? 'owner'
          : undefined;
    if (role === undefined) return [];
    const links = hrefs({
      self: world.links.api(`/workspaces/${workspace.slug}`),
      avatar: world.links.avatar(workspace.name),
    });
    return [
      {
        type: 'workspace_access',
        administrator: role === 'owner',
        workspace: { type: 'workspace_base', slug: workspace.slug, uuid: workspace.uuid, links },
      },
    ];
  });
  return listResult(call, values, { usual: 25 });
}

/** Gone since April 2026; the body is as recorded (§3.3, 410). */
export function gone(): never {
  const data = {
    announcement_url: 'https://developer.atlassian.com/cloud/bitbucket/changelog#CHANGE-2770',
  };
  throw new RestError(410, 'CHANGE-2770 - Functionality has been deprecated', {
    extra: { detail: 'Please read the changelog entry for more details.', data },
    topLevel: { data },
  });
}
