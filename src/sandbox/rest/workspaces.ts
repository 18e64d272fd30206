import type { JsonObject } from '../json.js';
import {
  accountShape,
  fullUserShape,
  fullWorkspaceShape,
  ownerShape,
  userShape,
  workspaceShape,
} from '../shapes/accounts.js';
import { hrefs, type Links } from '../shapes/links.js';
import type { User, Workspace } from '../state/model.js';
import { ok, param, wholeWorkspaceOf, type Call, type Result } from './call.js';
import { appWorkspace } from './caller.js';
import { RestError } from './errors.js';
import { listPage, listResult } from './list.js';

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

/** The picker's list: slug and uuid, but no name (§4.2). Filters and sorts by `slug`. */
export function listOwnWorkspaces(call: Call): Result {
  const { world, exchange } = call;
  const administrator = exchange.query.get('administrator');
  const values = world.state.workspaces.flatMap((workspace): JsonObject[] => {
    const role = roleOf(call, workspace);
    if (role === undefined) return [];
    if (administrator !== null && (role === 'owner') !== (administrator === 'true')) return [];
    const { slug, uuid } = workspace;
    const links = hrefs({
      self: world.links.api(`/workspaces/${slug}`),
      avatar: world.links.avatar(workspace.name),
    });
    // The outer slug is for the filter only.
    const access = { type: 'workspace_access', administrator: role === 'owner', slug };
    return [{ ...access, workspace: { type: 'workspace_base', slug, uuid, links } }];
  });
  const page = listPage(call, values, { usual: 25 });
  const shown = (page['values'] as JsonObject[]).map(({ slug: _slug, ...value }) => value);
  return ok({ ...page, values: shown });
}

/** `owner` or `member`; the finer roles are not played. */
export function readOwnMembership(call: Call): Result {
  const { world, caller } = call;
  const workspace = world.state.workspace(param(call, 'workspace'));
  const role = workspace && roleOf(call, workspace);
  if (caller.kind !== 'user') throw new RestError(403, 'Only people have permissions here.');
  if (!workspace || role === undefined) {
    throw new RestError(403, 'You do not have access to this workspace.');
  }
  return ok({
    type: 'workspace_membership',
    permission: role,
    user: userShape(world.links, caller.user),
    workspace: workspaceShape(world.links, workspace),
    links: hrefs({ self: world.links.api(`/user/workspaces/${workspace.slug}/permission`) }),
  });
}

export function listMembers(call: Call): Result {
  const { world } = call;
  const workspace = wholeWorkspaceOf(call);
  const values = world.state.users
    .filter((user) => workspace.members[user.uuid] !== undefined)
    .map((user) => membershipShape(world.links, workspace, user));
  return listResult(call, values);
}

/** One member, by uuid or Atlassian account id; whoever is none is not found. */
export function readMember(call: Call): Result {
  const { world } = call;
  const workspace = wholeWorkspaceOf(call);
  const user = world.state.user(param(call, 'member'));
  if (!user || workspace.members[user.uuid] === undefined) {
    throw new RestError(404, `${param(call, 'member')} is not a member of this workspace.`);
  }
  return ok(membershipShape(world.links, workspace, user));
}

function membershipShape(links: Links, workspace: Workspace, user: User): JsonObject {
  const id = encodeURIComponent(user.uuid);
  return {
    type: 'workspace_membership',
    user: userShape(links, user),
    workspace: workspaceShape(links, workspace),
    links: hrefs({ self: links.api(`/workspaces/${workspace.slug}/members/${id}`) }),
  };
}

export function readUser(call: Call): Result {
  const user = call.world.state.user(param(call, 'user'));
  if (!user) throw new RestError(404, `User ${param(call, 'user')} not found`);
  return ok(fullUserShape(call.world.links, user));
}

function roleOf({ caller }: Call, workspace: Workspace): 'owner' | 'member' | undefined {
  if (caller.kind === 'anonymous') throw new RestError(401, 'Authentication required');
  if (caller.kind === 'user') return workspace.members[caller.user.uuid];
  return workspace.uuid === appWorkspace(caller) ? 'owner' : undefined;
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
