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
  type ControlHandler,
  type ControlResult,
} from '../control/call.js';
import { isObject, textOf } from '../json.js';
import type { Workspace } from '../state/model.js';
import { activeForgeApp, installForgeApp, uninstallForgeApp, upgradeForgeApp } from './install.js';
import { invoke } from './invoke.js';
import { ForgeError, pagesOf } from './manifest.js';
import type { EnvironmentType, ForgeInstallation } from './model.js';
import { forgePath } from './pages.js';

const environmentTypes: readonly EnvironmentType[] = ['DEVELOPMENT', 'STAGING', 'PRODUCTION'];

/** The part of the control API that plays Atlassian's side of Forge; see docs/sandbox.md. */
export const forgeControl: [string, string, ControlHandler][] = [
  ['GET', 'forge/apps', listApps],
  ['POST', 'forge/install', explained(install)],
  ['POST', 'forge/upgrade', explained(upgrade)],
  ['POST', 'forge/uninstall', explained(uninstall)],
  ['POST', 'forge/schedule', runSchedule],
  ['POST', 'forge/invoke', explained(invokeAs)],
  ['POST', 'forge/keys/rotate', rotateKeys],
  ['GET', 'forge/deliveries', listDeliveries],
  ['POST', 'forge/deliveries/:id/resend', resend],
];

function explained(handler: ControlHandler): ControlHandler {
  return async (call) => {
    try {
      return await handler(call);
    } catch (error) {
      if (error instanceof ForgeError) throw new ControlError(422, error.message);
      throw error;
    }
  };
}

function listApps(call: ControlCall): ControlResult {
  return ok({ apps: call.world.state.forgeInstallations.map((one) => describe(call, one)) });
}

async function install(call: ControlCall): Promise<ControlResult> {
  const environmentType = optional(call, 'environment') ?? 'PRODUCTION';
  const known = environmentTypes.find((type) => type === environmentType);
  if (!known) throw new ControlError(400, `environment must be ${environmentTypes.join(', ')}`);
  const { installation, deliveries } = await installForgeApp(call.world, {
    workspace: workspaceFrom(call),
    user: userFrom(call),
    appDir: required(call, 'app_dir'),
    variables: variablesFrom(call),
    environmentType: known,
  });
  return created({ ...describe(call, installation), deliveries: deliveries.map(({ id }) => id) });
}

async function upgrade(call: ControlCall): Promise<ControlResult> {
  const installation = installationFrom(call);
  await upgradeForgeApp(call.world, installation, variablesFrom(call));
  return ok(describe(call, installation));
}

async function uninstall(call: ControlCall): Promise<ControlResult> {
  const installation = installationFrom(call);
  const silent = flag(call, 'silent', false);
  const calls = await uninstallForgeApp(call.world, installation, { silent });
  return ok({ ...describe(call, installation), calls });
}

async function runSchedule(call: ControlCall): Promise<ControlResult> {
  return ok({ calls: await call.world.forge.schedules.run(installationFrom(call)) });
}

/** `invokeRemote` of a page's script, without a browser. */
async function invokeAs(call: ControlCall): Promise<ControlResult> {
  const user = userFrom(call);
  const repository = optional(call, 'repository') === undefined ? null : repositoryFrom(call);
  const workspace = repository ? call.world.state.workspaceOf(repository) : workspaceFrom(call);
  const installation = installationOf(call, workspace);
  const key = optional(call, 'module');
  const page = pagesOf(installation.manifest).find((one) => key === undefined || one.key === key);
  if (!page) throw new ControlError(404, `the app has no page ${key ?? ''}`);
  const method = optional(call, 'method') ?? 'GET';
  if (method !== 'GET' && method !== 'POST') throw new ControlError(400, 'method: GET or POST');
  const location = `${call.world.links.origin}/${forgePath({ installation, page })}`;
  const visit = { installation, page, user, repository, location };
  const { body } = call.input;
  return ok(
    await invoke(call.world, visit, { path: required(call, 'path'), method, headers: {}, body }),
  );
}

function rotateKeys(call: ControlCall): ControlResult {
  return ok({ kid: call.world.forge.keys.rotate(flag(call, 'keep_old', false)) });
}

function listDeliveries(call: ControlCall): ControlResult {
  const event = optional(call, 'event');
  const all = call.world.forge.deliveries.all;
  return ok({ deliveries: all.filter((one) => event === undefined || one.event === event) });
}

function resend(call: ControlCall): ControlResult {
  const copy = call.world.forge.deliveries.resend(call.params['id'] ?? '');
  if (!copy) throw new ControlError(404, 'there is no such delivery');
  return created(copy);
}

function variablesFrom(call: ControlCall): Record<string, string> {
  const { variables } = call.input;
  if (variables === undefined) return {};
  if (!isObject(variables)) throw new ControlError(400, 'variables must be an object');
  return Object.fromEntries(Object.entries(variables).map(([k, v]) => [k, textOf(v)]));
}

/** By `installation_id`, or the one in use in the workspace. */
function installationFrom(call: ControlCall): ForgeInstallation {
  const id = optional(call, 'installation_id');
  if (id === undefined) return installationOf(call, workspaceFrom(call));
  const found = call.world.state.forgeInstallation(id);
  if (!found) throw new ControlError(404, 'there is no such installation');
  return found;
}

function installationOf(call: ControlCall, workspace: Workspace): ForgeInstallation {
  const found = activeForgeApp(call.world, workspace);
  if (!found) throw new ControlError(404, `no Forge app is installed in "${workspace.slug}"`);
  return found;
}

function describe(call: ControlCall, one: ForgeInstallation): object {
  return {
    installation_id: one.id,
    app_id: one.app_id,
    environment_id: one.environment_id,
    environment_type: one.environment_type,
    app_version: one.app_version,
    workspace: call.world.state.workspace(one.workspace_uuid)?.slug ?? null,
    installed: one.active,
    scopes: one.scopes,
    pages: pagesOf(one.manifest).map((page) => ({
      ...page,
      path: forgePath({ installation: one, page }),
    })),
  };
}
