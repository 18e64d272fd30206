import { randomUUID } from 'node:crypto';

import { withoutBraces } from '../ids.js';
import type { JsonObject } from '../json.js';
import type { Repository, User } from '../state/model.js';
import type { World } from '../world.js';
import type { Endpoint, PageModule } from './manifest.js';
import { appAri, environmentAri, installationAri, type ForgeInstallation } from './model.js';

/** Somebody looks at a page of the app. */
export interface Visit {
  installation: ForgeInstallation;
  page: PageModule;
  user: User;
  repository: Repository | null;
  /** Address of the page at Bitbucket. */
  location: string;
}

/** The Forge Invocation Token of one call (bitbucket-forge §3.3). */
export function invocationToken(
  world: World,
  installation: ForgeInstallation,
  endpoint: Endpoint,
  visit: Visit | null,
): string {
  const iat = world.clock.seconds();
  const lifetime = world.state.settings.forge_invocation_lifetime_s;
  return world.forge.keys.sign({
    iss: 'forge/invocation-token',
    aud: appAri(installation),
    iat,
    nbf: iat,
    exp: iat + lifetime,
    jti: randomUUID(),
    app: appClaim(world, installation, endpoint),
    ...contextClaim(world, installation, visit),
    ...(visit ? { principal: visit.user.account_id } : {}),
  });
}

function appClaim(world: World, installation: ForgeInstallation, endpoint: Endpoint): JsonObject {
  const apiBaseUrl = world.links.origin;
  const named = world.state.settings.forge_workspace_claim === 'contexts';
  const workspaceId = withoutBraces(installation.workspace_uuid);
  return {
    id: appAri(installation),
    appVersion: installation.app_version,
    version: installation.app_version.split('.')[0] ?? '1',
    installationId: installationAri(installation),
    apiBaseUrl,
    installation: {
      id: installationAri(installation),
      contexts: [{ name: 'bitbucket', apiBaseUrl, ...(named ? { workspaceId } : {}) }],
    },
    environment: { type: installation.environment_type, id: environmentAri(installation) },
    module: { type: 'core:endpoint', key: endpoint.key },
  };
}

/** Where the workspace stands is not established for calls without a page (§11.2); the setting gives each answer. */
function contextClaim(
  world: World,
  installation: ForgeInstallation,
  visit: Visit | null,
): JsonObject {
  const bare = withoutBraces(installation.workspace_uuid);
  const ari = `ari:cloud:bitbucket::workspace/${bare}`;
  const { forge_workspace_claim: kind } = world.state.settings;
  const named: JsonObject =
    kind === 'context'
      ? { workspaceId: installation.workspace_uuid }
      : kind === 'install_context'
        ? { installContext: ari }
        : kind === 'cloud_id'
          ? { cloudId: bare }
          : {};
  if (visit) return { context: { ...pageContext(visit), ...named } };
  return Object.keys(named).length > 0 ? { context: named } : {};
}

/** What a page's own script gets from `view.getContext()`, too (§1.2). */
export function pageContext({ installation, page, repository, location }: Visit): JsonObject {
  const workspace = { uuid: installation.workspace_uuid };
  return {
    workspaceId: installation.workspace_uuid,
    moduleKey: page.key,
    localId: `${appAri(installation)}/${page.key}`,
    environmentId: installation.environment_id,
    environmentType: installation.environment_type,
    extension: {
      type: page.kind,
      ...(repository ? { repository: { uuid: repository.uuid } } : { workspace }),
      location,
    },
  };
}
