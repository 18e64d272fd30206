import { newConsumerKey, newConsumerSecret, newTokenValue, newUuid } from '../ids.js';
import { allowedForToken, scopeTexts } from '../oauth/scopes.js';
import type { JsonObject } from '../json.js';
import type { AccessToken, OAuthBackend, OAuthConsumer } from '../state/model.js';
import {
  ControlError,
  created,
  flag,
  ok,
  optional,
  repositoryFrom,
  required,
  userFrom,
  workspaceFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';

/** Workspace settings > OAuth consumers > Add consumer (bitbucket-api §1.1). */
export function createConsumer(call: ControlCall): ControlResult {
  const { state, clock } = call.world;
  const workspace = workspaceFrom(call);
  const [firstOwner] = Object.keys(workspace.members);
  const owner = optional(call, 'user') === undefined ? firstOwner : userFrom(call).uuid;
  if (owner === undefined) throw new ControlError(400, 'user is missing: somebody must own it');
  const key = optional(call, 'key') ?? newConsumerKey();
  if (state.oauth.consumer(key)) throw new ControlError(409, `consumer "${key}" exists`);
  const consumer: OAuthConsumer = {
    key,
    secret: optional(call, 'secret') ?? newConsumerSecret(),
    name: required(call, 'name'),
    description: optional(call, 'description') ?? '',
    callback_url: callbackFrom(call),
    is_private: flag(call, 'is_private', false),
    scopes: scopesFrom(call, 'account repository webhook'),
    workspace_uuid: workspace.uuid,
    owner_uuid: owner,
    app_user_uuid: newUuid(),
    backend: backendFrom(call, state.settings.oauth_backend),
    created_on: clock.timestamp(),
  };
  state.oauth.putConsumer(consumer);
  return created(describe(call, consumer));
}

export function listConsumers(call: ControlCall): ControlResult {
  return ok({ consumers: call.world.state.oauth.consumers.map((c) => describe(call, c)) });
}

/** Changes what is given; `reset_secret` makes a new secret, and the old one stops at once. */
export function updateConsumer(call: ControlCall): ControlResult {
  const consumer = consumerFrom(call);
  const { input } = call;
  if ('callback_url' in input) consumer.callback_url = callbackFrom(call);
  if ('is_private' in input) consumer.is_private = flag(call, 'is_private', false);
  if ('scopes' in input) consumer.scopes = scopesFrom(call, '');
  if ('backend' in input) consumer.backend = backendFrom(call, consumer.backend);
  if (flag(call, 'reset_secret', false)) consumer.secret = newConsumerSecret();
  call.world.state.oauth.putConsumer(consumer);
  return ok(describe(call, consumer));
}

export function deleteConsumer(call: ControlCall): ControlResult {
  const { key } = consumerFrom(call);
  call.world.state.oauth.removeConsumer(key);
  return ok({ deleted: key });
}

export function listGrants(call: ControlCall): ControlResult {
  return ok({ grants: call.world.state.oauth.grants });
}

/** Personal settings > App authorizations > Revoke; for one person, one consumer, or all. */
export function revokeGrants(call: ControlCall): ControlResult {
  const user = optional(call, 'user') === undefined ? undefined : userFrom(call);
  const consumer = optional(call, 'consumer');
  const revoked = call.world.state.oauth.revokeGrants(
    (grant) =>
      (user === undefined || grant.user_uuid === user.uuid) &&
      (consumer === undefined || grant.consumer_key === consumer),
  );
  return ok({ revoked });
}

/** A repository's or a workspace's access token; an expiry is obligatory since 2025 (§0, row 7). */
export function createAccessToken(call: ControlCall): ControlResult {
  const { state, clock } = call.world;
  const repository = optional(call, 'repository') === undefined ? undefined : repositoryFrom(call);
  const workspace = repository ? state.workspaceOf(repository) : workspaceFrom(call);
  const subject = repository ? 'repository' : 'workspace';
  const scopes = scopesFrom(call, 'repository');
  const refused = scopes.filter((scope) => !allowedForToken(scope, subject));
  if (refused.length > 0) {
    throw new ControlError(400, `a ${subject} access token cannot have ${refused.join(' ')}`);
  }
  const days = call.input['expires_in_days'] ?? 365;
  if (typeof days !== 'number') throw new ControlError(400, 'expires_in_days must be a number');
  const now = clock.now();
  const value = newTokenValue(state.settings.token_long);
  const token: AccessToken = {
    owner: {
      kind: 'app',
      app: {
        uuid: newUuid(),
        name: optional(call, 'name') ?? 'Access token',
        workspace_uuid: workspace.uuid,
        origin: repository ? 'repository_token' : 'workspace_token',
      },
    },
    scopes,
    repository_uuid: repository?.uuid ?? null,
    issued_at: now,
    expires_at: now + days * 24 * 3_600_000,
    revoked: false,
  };
  state.putToken(value, token);
  const expiresOn = new Date(token.expires_at).toISOString();
  return created({ access_token: value, scopes, expires_on: expiresOn });
}

function consumerFrom(call: ControlCall): OAuthConsumer {
  const key = required(call, 'key');
  const found = call.world.state.oauth.consumer(key);
  if (!found) throw new ControlError(404, `there is no consumer "${key}"`);
  return found;
}

function callbackFrom(call: ControlCall): string | null {
  const url = optional(call, 'callback_url') ?? null;
  if (url !== null && !URL.canParse(url)) throw new ControlError(400, 'callback_url is no URL');
  return url;
}

function scopesFrom(call: ControlCall, usual: string): string[] {
  const scopes = (optional(call, 'scopes') ?? usual).split(/\s+/).filter(Boolean);
  const unknown = scopes.filter((scope) => !Object.hasOwn(scopeTexts, scope));
  if (unknown.length > 0) throw new ControlError(400, `unknown scopes: ${unknown.join(' ')}`);
  return scopes;
}

function backendFrom(call: ControlCall, usual: string): OAuthBackend {
  const backend = optional(call, 'backend') ?? usual;
  if (backend === '2025' || backend === '2026') return backend;
  throw new ControlError(400, 'backend must be "2025" or "2026"');
}

/** The secret, too: this is a sandbox, and its own pages show it. */
function describe(call: ControlCall, consumer: OAuthConsumer): JsonObject {
  const { workspace_uuid, ...rest } = consumer;
  return { ...rest, workspace: call.world.state.workspace(workspace_uuid)?.slug ?? null };
}
