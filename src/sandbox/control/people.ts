import { newAccountId, newSecret, newUuid } from '../ids.js';
import { isObject } from '../json.js';
import type { Permission, User, Workspace } from '../state/model.js';
import {
  ControlError,
  created,
  ok,
  optional,
  repositoryFrom,
  required,
  userFrom,
  workspaceFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';

/** Paths that the sandbox needs for itself. */
const reservedSlugs = new Set([
  '2.0',
  'site',
  'atlassian-connect',
  '_control',
  '_avatar',
  '_assets',
]);

export function createUser(call: ControlCall): ControlResult {
  const nickname = required(call, 'nickname');
  const { state, clock } = call.world;
  // It is a user name for git, and part of clone addresses.
  if (!/^[^\s:/@]+$/.test(nickname) || nickname.startsWith('x-')) {
    throw new ControlError(400, `"${nickname}" cannot be a nickname`);
  }
  if (state.user(nickname)) throw new ControlError(409, `user "${nickname}" exists`);
  const user: User = {
    uuid: newUuid(),
    account_id: newAccountId(),
    nickname,
    display_name: optional(call, 'display_name') ?? nickname,
    email: optional(call, 'email') ?? `${nickname}@example.com`,
    git_password: optional(call, 'git_password') ?? newSecret().slice(0, 24),
    created_on: clock.timestamp(),
  };
  state.addUser(user);
  return created(user);
}

export function createWorkspace(call: ControlCall): ControlResult {
  const slug = required(call, 'slug');
  const { state, clock } = call.world;
  if (!/^[a-z0-9_-]+$/.test(slug) || reservedSlugs.has(slug)) {
    throw new ControlError(400, `"${slug}" cannot be a workspace's slug`);
  }
  if (state.workspace(slug)) throw new ControlError(409, `workspace "${slug}" exists`);
  const name = optional(call, 'name') ?? slug;
  const workspace: Workspace = {
    uuid: newUuid(),
    slug,
    name,
    created_on: clock.timestamp(),
    project: { uuid: newUuid(), key: 'PROJ', name: optional(call, 'project') ?? 'Project' },
    members: {},
  };
  const owner = optional(call, 'owner');
  if (owner !== undefined) workspace.members[userFrom(call, 'owner').uuid] = 'owner';
  state.addWorkspace(workspace);
  return created(workspace);
}

/** A new slug breaks every address with the old one; uuids go on working. */
export function updateWorkspace(call: ControlCall): ControlResult {
  const workspace = workspaceFrom(call);
  const { state } = call.world;
  const slug = optional(call, 'slug') ?? workspace.slug;
  if (!/^[a-z0-9_-]+$/.test(slug) || reservedSlugs.has(slug)) {
    throw new ControlError(400, `"${slug}" cannot be a workspace's slug`);
  }
  const taken = state.workspace(slug);
  if (taken && taken !== workspace) throw new ControlError(409, `workspace "${slug}" exists`);
  if (slug !== workspace.slug) {
    for (const repository of state.repositories) {
      if (repository.workspace_uuid !== workspace.uuid) continue;
      state.rememberFormerName(state.fullName(repository), repository);
    }
  }
  Object.assign(workspace, { slug, name: optional(call, 'name') ?? workspace.name });
  state.changed();
  return ok(workspace);
}

/** `none` leaves the workspace, and with it every right on its repositories. */
export function setMember(call: ControlCall): ControlResult {
  const workspace = workspaceFrom(call);
  const user = userFrom(call);
  const role = required(call, 'role');
  const { state } = call.world;
  if (role === 'owner' || role === 'member') workspace.members[user.uuid] = role;
  else if (role === 'none') {
    delete workspace.members[user.uuid];
    for (const repository of state.repositories) {
      if (repository.workspace_uuid === workspace.uuid) delete repository.permissions[user.uuid];
    }
  } else throw new ControlError(400, 'role must be owner, member or none');
  state.changed();
  return ok({ workspace: workspace.slug, user: user.nickname, role });
}

export function setPermission(call: ControlCall): ControlResult {
  const repository = repositoryFrom(call);
  const user = userFrom(call);
  const permission = required(call, 'permission');
  const { state } = call.world;
  if (permission === 'none') delete repository.permissions[user.uuid];
  else if (isPermission(permission)) {
    repository.permissions[user.uuid] = permission;
    state.workspaceOf(repository).members[user.uuid] ??= 'member';
  } else throw new ControlError(400, 'permission must be read, write, admin or none');
  state.changed();
  return ok({ repository: state.fullName(repository), user: user.nickname, permission });
}

export function isPermission(value: unknown): value is Permission {
  return value === 'read' || value === 'write' || value === 'admin';
}

/** `{nickname: permission}` of a repository's `permissions` parameter. */
export function permissionsFrom(call: ControlCall): Record<string, Permission> {
  const value = call.input['permissions'] ?? {};
  if (!isObject(value)) throw new ControlError(400, 'permissions must be an object');
  const result: Record<string, Permission> = {};
  for (const [nickname, permission] of Object.entries(value)) {
    const user = call.world.state.user(nickname);
    if (!user) throw new ControlError(404, `there is no user "${nickname}"`);
    if (!isPermission(permission)) throw new ControlError(400, 'permissions: read, write or admin');
    result[user.uuid] = permission;
  }
  return result;
}
