import { emptyReply } from '../http/exchange.js';
import { newUuid } from '../ids.js';
import { hookShape, hookUrl } from '../shapes/hooks.js';
import type { Webhook } from '../state/model.js';
import { ok, param, repositoryOf, wholeWorkspaceOf, type Call, type Result } from './call.js';
import { grantedScopes, hasScopes } from './caller.js';
import { missingScopes, RestError } from './errors.js';
import { scopeOfEvent } from './hook-events.js';
import { hookFields } from './hook-fields.js';
import { listResult } from './list.js';

const limit = 50;

interface Subject {
  type: Webhook['subject_type'];
  uuid: string;
}

export function listHooks(call: Call): Result {
  const { world } = call;
  const hooks = world.state.hooksOf(subjectOf(call).uuid);
  return listResult(
    call,
    hooks.map((hook) => hookShape(world, hook)),
  );
}

/** Nothing keeps an address from being entered twice: both hooks deliver then. */
export async function createHook(call: Call): Promise<Result> {
  const { world } = call;
  const subject = subjectOf(call);
  const fields = hookFields(await call.exchange.object(), subject.type);
  requireEventScopes(call, fields.events);
  if (world.state.hooksOf(subject.uuid).length >= limit) {
    throw new RestError(400, `A ${subject.type} can have at most ${limit} webhooks.`);
  }
  const hook: Webhook = {
    uuid: newUuid(),
    subject_type: subject.type,
    subject_uuid: subject.uuid,
    ...fields,
    active: fields.active ?? true,
    secret: fields.secret ?? null,
    skip_cert_verification: fields.skip_cert_verification ?? false,
    created_at: new Date(world.clock.now()).toISOString().replace('Z', '000Z'),
  };
  world.state.putHook(hook);
  const headers = { Location: hookUrl(world, hook) };
  return { status: 201, json: hookShape(world, hook), headers };
}

export function readHook(call: Call): Result {
  return ok(hookShape(call.world, hookOf(call)));
}

/** Takes the whole object, except that an absent secret stays what it is. */
export async function updateHook(call: Call): Promise<Result> {
  const hook = hookOf(call);
  const fields = hookFields(await call.exchange.object(), hook.subject_type);
  requireEventScopes(call, fields.events);
  const secret = fields.secret === undefined ? hook.secret : fields.secret;
  const { url, description, events, active = hook.active } = fields;
  const skip = fields.skip_cert_verification ?? hook.skip_cert_verification;
  Object.assign(hook, { url, description, events, active, secret, skip_cert_verification: skip });
  call.world.state.putHook(hook);
  return ok(hookShape(call.world, hook));
}

export function deleteHook(call: Call): Result {
  call.world.state.removeHook(hookOf(call).uuid);
  // Clients look at the type even of an empty answer.
  return { reply: emptyReply(204, { 'Content-Type': 'text/html; charset=utf-8' }) };
}

/** Administrators only, of the repository or of the workspace. */
function subjectOf(call: Call): Subject {
  const { caller, world } = call;
  if (call.params['repository'] !== undefined) {
    return { type: 'repository', uuid: repositoryOf(call, 'admin').uuid };
  }
  const workspace = wholeWorkspaceOf(call);
  const isPerson = caller.kind === 'user';
  if (isPerson && world.state.workspace(workspace.uuid)?.members[caller.user.uuid] !== 'owner') {
    throw new RestError(403, 'You must be an administrator of this workspace.');
  }
  return { type: 'workspace', uuid: workspace.uuid };
}

function hookOf(call: Call): Webhook {
  const subject = subjectOf(call);
  const uid = param(call, 'uid').toLowerCase();
  const hook = call.world.state.hook(uid.startsWith('{') ? uid : `{${uid}}`);
  if (hook?.subject_uuid !== subject.uuid) throw new RestError(404, `Webhook ${uid} not found`);
  return hook;
}

function requireEventScopes(call: Call, events: readonly string[]): void {
  const needed = ['webhook', ...new Set(events.map(scopeOfEvent))];
  if (!hasScopes(call.caller, needed)) throw missingScopes(grantedScopes(call.caller), needed);
}
