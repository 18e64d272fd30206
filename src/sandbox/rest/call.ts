import type { Exchange, Reply } from '../http/exchange.js';
import type { JsonObject } from '../json.js';
import type { Permission, Repository, Workspace } from '../state/model.js';
import type { World } from '../world.js';
import { appWorkspace, mayUse, type Caller } from './caller.js';
import {
  missingScopes,
  noAccessText,
  repositoryNotFound,
  RestError,
  workspaceNotFound,
} from './errors.js';

export interface Call {
  world: World;
  exchange: Exchange;
  caller: Caller;
  params: Record<string, string>;
}

/** JSON to be filtered with `fields`, or a finished reply (raw files). */
export type Result =
  { status: number; json: JsonObject; headers?: Record<string, string> } | { reply: Reply };

export interface Operation {
  method: string;
  pattern: string;
  scopes: readonly string[];
  run: (call: Call) => Promise<Result> | Result;
}

export function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}

export function ok(json: JsonObject): Result {
  return { status: 200, json };
}

/** The workspace itself; a token narrowed to one repository has no rights on it (§5). */
export function wholeWorkspaceOf(call: Call): Workspace {
  const { caller } = call;
  const narrowed = caller.kind === 'installation' || caller.kind === 'app';
  if (narrowed && caller.repositoryUuid !== null) throw missingScopes(caller.scopes, ['account']);
  return workspaceOf(call);
}

export function workspaceOf(call: Call): Workspace {
  const identifier = param(call, 'workspace');
  const workspace = call.world.state.workspace(identifier);
  if (!workspace || !belongs(call, workspace)) throw workspaceNotFound(identifier);
  return workspace;
}

function belongs(call: Call, workspace: Workspace): boolean {
  const { caller } = call;
  if (caller.kind === 'anonymous') return false;
  if (caller.kind === 'user') return workspace.members[caller.user.uuid] !== undefined;
  return appWorkspace(caller) === workspace.uuid;
}

/**
 * The repository of the path, if the caller may see it. What may not be seen answers 404, as in
 * practice (bitbucket-api §3.3), and so do former names, unless redirects are switched on.
 */
export function repositoryOf(call: Call, wanted: Permission = 'read'): Repository {
  const { world, caller } = call;
  const workspaceId = param(call, 'workspace');
  const slug = param(call, 'repository');
  const repository = world.state.repository(workspaceId, slug);
  if (!repository) throw movedOrMissing(call, workspaceId, slug);
  if (!mayUse(world, caller, repository, 'read')) {
    if (caller.kind === 'anonymous') throw new RestError(404, noAccessText);
    if (world.state.settings.hidden_status === 403) throw new RestError(403, noAccessText);
    throw repositoryNotFound(workspaceId, slug);
  }
  if (!mayUse(world, caller, repository, wanted)) {
    throw new RestError(403, `You must have ${wanted} access to this repository.`);
  }
  return repository;
}

function movedOrMissing(call: Call, workspaceId: string, slug: string): RestError {
  const { world, exchange } = call;
  const moved = world.state.repositoryByFormerName(`${workspaceId}/${slug}`);
  if (!moved || !world.state.settings.redirect_renamed) {
    return repositoryNotFound(workspaceId, slug);
  }
  const location = exchange.rawUrl.replace(
    `/${workspaceId}/${slug}`,
    `/${world.state.fullName(moved)}`,
  );
  return new RestError(301, 'Moved', { headers: { Location: world.links.origin + location } });
}
