import { issueToken } from '../oauth/issue-token.js';
import { isObject } from '../json.js';
import {
  ControlError,
  created,
  ok,
  optional,
  userFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';

export function readSettings(call: ControlCall): ControlResult {
  return ok(call.world.state.settings);
}

export function changeSettings(call: ControlCall): ControlResult {
  const problems = call.world.state.setSettings(call.input);
  if (problems.length > 0) throw new ControlError(400, problems.join('; '));
  return ok(call.world.state.settings);
}

export function readClock(call: ControlCall): ControlResult {
  const { clock } = call.world;
  return ok({ offset_ms: clock.offsetMs, now: clock.timestamp() });
}

export function setClock(call: ControlCall): ControlResult {
  const offset = call.input['offset_ms'];
  if (typeof offset !== 'number') throw new ControlError(400, 'offset_ms must be a number');
  call.world.clock.setOffset(offset);
  call.world.state.changed();
  return readClock(call);
}

/** A token of a person, as if an OAuth consumer had got it. */
export function createToken(call: ControlCall): ControlResult {
  const user = userFrom(call);
  const scopes = (optional(call, 'scopes') ?? 'account repository').split(/\s+/).filter(Boolean);
  const owner = { kind: 'user' as const, user_uuid: user.uuid };
  const token = issueToken(call.world, { owner, scopes, repository_uuid: null });
  return created({ access_token: token.accessToken, scopes, expires_in: token.expiresIn });
}

/** All tokens, or those of one workspace's apps or of one user. */
export function revokeTokens(call: ControlCall): ControlResult {
  const { state } = call.world;
  const workspace = optional(call, 'workspace');
  const user = optional(call, 'user');
  const uuid = workspace === undefined ? undefined : state.workspace(workspace)?.uuid;
  const userUuid = user === undefined ? undefined : state.user(user)?.uuid;
  const revoked = state.revokeTokens(({ owner }) => {
    if (workspace === undefined && user === undefined) return true;
    if (owner.kind === 'user') return userUuid !== undefined && owner.user_uuid === userUuid;
    const installation = state.installation(owner.client_key);
    return uuid !== undefined && installation?.workspace_uuid === uuid;
  });
  return ok({ revoked });
}

export async function reset(call: ControlCall): Promise<ControlResult> {
  await call.reset();
  return ok({ reset: true });
}

/** An overview for people and for tests that look things up by name. */
export function readState(call: ControlCall): ControlResult {
  const { state, links } = call.world;
  return ok({
    url: links.origin,
    users: state.users,
    workspaces: state.workspaces,
    repositories: state.repositories.map((r) => ({ ...r, full_name: state.fullName(r) })),
    settings: isObject(state.settings) ? state.settings : {},
  });
}
