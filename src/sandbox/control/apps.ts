import { pageModules, type PageModule } from '../connect/descriptor.js';
import { install, InstallError, uninstall } from '../connect/install.js';
import { panelUrl } from '../connect/panel-url.js';
import type { JsonObject } from '../json.js';
import type { Installation, Repository, User, Workspace } from '../state/model.js';
import type { World } from '../world.js';
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

export function listApps(call: ControlCall): ControlResult {
  const { state } = call.world;
  return ok({ apps: state.installations.map((i) => describe(call.world, i)) });
}

/** First install, or an install after an uninstall. */
export async function installApp(call: ControlCall): Promise<ControlResult> {
  const workspace = workspaceFrom(call);
  const user = userFrom(call);
  return created(await run(call.world, workspace, user, required(call, 'descriptor_url')));
}

/** The same callback again, signed; also how Bitbucket applies a changed descriptor. */
export async function reinstallApp(call: ControlCall): Promise<ControlResult> {
  const workspace = workspaceFrom(call);
  const installation = installationFrom(call, workspace);
  const user =
    optional(call, 'user') === undefined
      ? call.world.state.user(installation.user_uuid)
      : userFrom(call);
  if (!user) throw new ControlError(404, 'the user who installed it is gone; name another');
  const url = optional(call, 'descriptor_url') ?? installation.descriptor_url;
  return ok(await run(call.world, workspace, user, url));
}

async function run(
  world: World,
  workspace: Workspace,
  user: User,
  descriptorUrl: string,
): Promise<JsonObject> {
  try {
    const { installation, callback } = await install(world, workspace, user, descriptorUrl);
    return { ...describe(world, installation), callback: { ...callback } };
  } catch (error) {
    if (error instanceof InstallError) throw new ControlError(422, error.message, error.details);
    throw error;
  }
}

export async function uninstallApp(call: ControlCall): Promise<ControlResult> {
  const installation = installationFrom(call, workspaceFrom(call));
  if (!installation.active) throw new ControlError(409, 'the app is not installed');
  const callback = await uninstall(call.world, installation);
  return ok({ ...describe(call.world, installation), callback: { ...callback } });
}

export function readPanelUrl(call: ControlCall): ControlResult {
  const { world } = call;
  const user = userFrom(call);
  const repository = optional(call, 'repository') === undefined ? undefined : repositoryFrom(call);
  const workspace = repository ? world.state.workspaceOf(repository) : workspaceFrom(call);
  const installation = installationFrom(call, workspace);
  if (!installation.active) throw new ControlError(409, 'the app is not installed');
  const module = moduleFrom(call, installation, repository);
  const needed = module.kind === 'adminPages' ? 'admin' : 'read';
  const shown = !repository || world.state.allows(user, repository, needed);
  if (!shown && !flag(call, 'anyway', false)) {
    const who = needed === 'admin' ? 'repository admins only' : 'people who can read it';
    throw new ControlError(403, `Bitbucket shows this page to ${who}`);
  }
  const view = { installation, module, user, ...(repository ? { repository } : {}) };
  return ok({ url: panelUrl(world, view) });
}

function moduleFrom(
  call: ControlCall,
  installation: Installation,
  repository: Repository | undefined,
): PageModule {
  const modules = pageModules(installation.descriptor);
  const key = optional(call, 'module');
  const usual = repository ? 'adminPages' : 'configurePage';
  const found = modules.find((module) =>
    key === undefined ? module.kind === usual : module.key === key,
  );
  if (!found) throw new ControlError(404, `the app has no module ${key ?? `of kind ${usual}`}`);
  return found;
}

function installationFrom(call: ControlCall, workspace: Workspace): Installation {
  const { state } = call.world;
  const key = optional(call, 'app_key');
  const found = state.installations.filter(
    (i) => i.workspace_uuid === workspace.uuid && (key === undefined || i.app_key === key),
  );
  const active = found.filter((i) => i.active);
  const [installation] = active.length > 0 ? active : found;
  if (!installation) throw new ControlError(404, `no such app in "${workspace.slug}"`);
  return installation;
}

/** Everything but the secret, which only the app may know. */
function describe(world: World, installation: Installation): JsonObject {
  const { client_key, app_key, active, scopes, descriptor_url, hook_uuids } = installation;
  return {
    client_key,
    app_key,
    workspace: world.state.workspace(installation.workspace_uuid)?.slug ?? null,
    installed: active,
    scopes,
    descriptor_url,
    hook_uuids,
    modules: pageModules(installation.descriptor).map((module) => ({ ...module })),
  };
}
