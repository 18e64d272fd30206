import type { JsonObject } from '../json.js';

export type EnvironmentType = 'DEVELOPMENT' | 'STAGING' | 'PRODUCTION';

/** A Forge app in one workspace. Uninstalled ones stay, so that late events can still be sent in their name. */
export interface ForgeInstallation {
  /** Bare uuid; an ARI with this at its end in tokens (bitbucket-forge §2.4). */
  id: string;
  app_id: string;
  environment_id: string;
  environment_type: EnvironmentType;
  /** `1.0.0`; the first number grows with every upgrade. */
  app_version: string;
  workspace_uuid: string;
  user_uuid: string;
  /** The bot account the app acts as. */
  app_user_uuid: string;
  active: boolean;
  /** Where manifest and static files are. */
  app_dir: string;
  /** As read at install or upgrade, with variables filled in. */
  manifest: JsonObject;
  scopes: string[];
  installed_on: string;
}

export function appAri(installation: ForgeInstallation): string {
  return `ari:cloud:ecosystem::app/${installation.app_id}`;
}

export function installationAri(installation: ForgeInstallation): string {
  return `ari:cloud:ecosystem::installation/${installation.id}`;
}

export function environmentAri(installation: ForgeInstallation): string {
  return `ari:cloud:ecosystem::environment/${installation.app_id}/${installation.environment_id}`;
}
