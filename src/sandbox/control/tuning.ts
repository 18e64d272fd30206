import { issueToken } from '../oauth/issue-token.js';
import { isObject } from '../json.js';
import type { TokenOwner } from '../state/model.js';
import type { State } from '../state/state.js';
import {
  ControlError,
  created,
  ok,
  optional,
  userFrom,
  workspaceFrom,
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

/**
 * All access tokens, or those of one workspace's apps, of one user, or of one consumer. Grants
 * and refresh tokens live on: `grants/revoke` ends those.
 */
export function revokeTokens(call: ControlCall): ControlResult {
  const { state } = call.world;
  const [workspace, user] = [optional(call, 'workspace'), optional(call, 'user')];
  const [consumer, value] = [optional(call, 'consumer'), optional(call, 'access_token')];
  const one = value === undefined ? undefined : state.token(value);
  if (value !== undefined && !one) throw new ControlError(404, 'there is no such token');
  const uuid = workspace === undefined ? undefined : workspaceFrom(call).uuid;
  const userUuid = user === undefined ? undefined : userFrom(call).uuid;
  const revoked = state.revokeTokens(
    (token) =>
      (one === undefined || token === one) &&
      (consumer === undefined || token.consumer_key === consumer) &&
      (userUuid === undefined || isOf(token.owner, userUuid)) &&
      (uuid === undefined || workspaceOf(state, token.owner) === uuid),
  );
  return ok({ revoked });
}

function isOf(owner: TokenOwner, userUuid: string): boolean {
  return owner.kind === 'user' && owner.user_uuid === userUuid;
}

function workspaceOf(state: State, owner: TokenOwner): string | undefined {
  if (owner.kind === 'app') return owner.app.workspace_uuid;
  if (owner.kind === 'user') return undefined;
  return state.installation(owner.client_key)?.workspace_uuid;
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
