import type { JsonObject } from '../json.js';
import { hookFields } from '../rest/hook-fields.js';
import { RestError } from '../rest/errors.js';
import { hookShape } from '../shapes/hooks.js';
import type { Webhook } from '../state/model.js';
import {
  ControlError,
  ok,
  repositoryFrom,
  required,
  workspaceFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';

/** Of a repository or of a workspace. */
export function listHooks(call: ControlCall): ControlResult {
  const { query } = call.exchange;
  const subject = query.has('workspace') ? workspaceFrom(call) : repositoryFrom(call);
  const hooks = call.world.state.hooksOf(subject.uuid);
  return ok({ hooks: hooks.map((hook) => hookShape(call.world, hook)) });
}

/** What an administrator does on the settings page: switch it off, change address or events. */
export function updateHook(call: ControlCall): ControlResult {
  const hook = hookFrom(call);
  const { url, description, events, active, secret } = hook;
  const { uuid: _uuid, ...changes } = call.input;
  const wanted: JsonObject = { url, description, events, active, secret, ...changes };
  try {
    const fields = hookFields(wanted, hook.subject_type);
    Object.assign(hook, fields, { skip_cert_verification: hook.skip_cert_verification });
  } catch (error) {
    if (error instanceof RestError) throw new ControlError(400, error.message);
    throw error;
  }
  call.world.state.putHook(hook);
  return ok(hookShape(call.world, hook));
}

export function deleteHook(call: ControlCall): ControlResult {
  const { uuid } = hookFrom(call);
  call.world.state.removeHook(uuid);
  return ok({ deleted: uuid });
}

function hookFrom(call: ControlCall): Webhook {
  const uuid = required(call, 'uuid');
  const found = call.world.state.hook(uuid);
  if (!found) throw new ControlError(404, `there is no webhook ${uuid}`);
  return found;
}
