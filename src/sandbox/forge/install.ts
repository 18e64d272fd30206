import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';

import { newUuid, withoutBraces } from '../ids.js';
import { textOf, type JsonObject } from '../json.js';
import type { User, Workspace } from '../state/model.js';
import type { World } from '../world.js';
import type { ForgeDelivery } from './deliveries.js';
import { appIdOf, listAt, readManifest, scopesOf } from './manifest.js';
import type { EnvironmentType, ForgeInstallation } from './model.js';

export interface InstallWish {
  workspace: Workspace;
  user: User;
  /** Folder with `manifest.yml`, as `forge deploy` would be run in. */
  appDir: string;
  variables: Record<string, string>;
  environmentType: EnvironmentType;
}

/** Each environment of an app has one id, the same in every workspace. */
function environmentId(world: World, appId: string, type: EnvironmentType): string {
  const known = world.state.forgeInstallations.find(
    (one) => one.app_id === appId && one.environment_type === type,
  );
  return known?.environment_id ?? randomUUID();
}

/** `forge deploy` and `forge install` in one. A workspace that has the app already gets a new installation (§2.4). */
export async function installForgeApp(
  world: World,
  wish: InstallWish,
): Promise<{ installation: ForgeInstallation; deliveries: ForgeDelivery[] }> {
  const appDir = resolve(wish.appDir);
  const manifest = await readManifest(appDir, wish.variables);
  const appId = appIdOf(manifest);
  const earlier = activeForgeApp(world, wish.workspace, appId, wish.environmentType);
  if (earlier) deactivate(world, earlier);
  const installation: ForgeInstallation = {
    id: randomUUID(),
    app_id: appId,
    environment_id: environmentId(world, appId, wish.environmentType),
    environment_type: wish.environmentType,
    app_version: '1.0.0',
    workspace_uuid: wish.workspace.uuid,
    user_uuid: wish.user.uuid,
    app_user_uuid: newUuid(),
    active: true,
    app_dir: appDir,
    manifest,
    scopes: scopesOf(manifest),
    installed_on: world.clock.timestamp(),
  };
  world.state.putForgeInstallation(installation);
  world.forge.schedules.start(installation);
  world.log(`Forge app ${appId} installed in ${wish.workspace.slug} by ${wish.user.nickname}`);
  const event = 'avi:forge:installed:app';
  const body = lifecycleBody(installation, event, { installerAccountId: wish.user.account_id });
  const deliveries = world.forge.deliveries.trigger(installation, event, '', body);
  return { installation, deliveries };
}

/** A major version that an admin approved: the same installation, its manifest read again. */
export async function upgradeForgeApp(
  world: World,
  installation: ForgeInstallation,
  variables: Record<string, string>,
): Promise<ForgeDelivery[]> {
  const manifest = await readManifest(installation.app_dir, variables);
  const major = Number(installation.app_version.split('.')[0]) + 1;
  Object.assign(installation, {
    manifest,
    scopes: scopesOf(manifest),
    app_version: `${major}.0.0`,
  });
  world.state.putForgeInstallation(installation);
  const event = 'avi:forge:upgraded:app';
  const user = world.state.user(installation.user_uuid);
  const body = lifecycleBody(installation, event, { upgraderAccountId: user?.account_id ?? '' });
  return world.forge.deliveries.trigger(installation, event, '', body);
}

/** `preUninstall` is called first, unless it is lost, which nobody is told of; the answer does not matter (§2.5). */
export async function uninstallForgeApp(
  world: World,
  installation: ForgeInstallation,
  options: { silent: boolean },
): Promise<ForgeDelivery[]> {
  const modules = listAt(installation.manifest, 'modules', 'preUninstall');
  const body = {
    context: { cloudId: withoutBraces(installation.workspace_uuid), moduleKey: '' },
    contextToken: randomUUID(),
  };
  const calls = options.silent
    ? []
    : await Promise.all(
        modules.map(({ endpoint }) =>
          world.forge.deliveries.callOnce(installation, 'pre-uninstall', textOf(endpoint), body),
        ),
      );
  deactivate(world, installation);
  world.log(`Forge app ${installation.app_id} uninstalled`);
  return calls;
}

export function activeForgeApp(
  world: World,
  workspace: Workspace,
  appId?: string,
  type?: EnvironmentType,
): ForgeInstallation | undefined {
  return world.state.forgeInstallations.findLast(
    (one) =>
      one.active &&
      one.workspace_uuid === workspace.uuid &&
      (appId === undefined || one.app_id === appId) &&
      (type === undefined || one.environment_type === type),
  );
}

function deactivate(world: World, installation: ForgeInstallation): void {
  world.forge.schedules.stop(installation);
  installation.active = false;
  world.state.putForgeInstallation(installation);
  world.forge.tokens.forget(installation);
}

function lifecycleBody(
  installation: ForgeInstallation,
  eventType: string,
  by: JsonObject,
): JsonObject {
  return {
    eventType,
    id: installation.id,
    ...by,
    context: `ari:cloud:bitbucket::workspace/${withoutBraces(installation.workspace_uuid)}`,
    app: { id: installation.app_id, version: installation.app_version, name: 'Slipway' },
    environment: { id: installation.environment_id },
  };
}
