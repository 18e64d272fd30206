import type { Repository } from '../../core/model/index.js';
import type { RepositoryPermission } from '../../core/ports.js';
import type { PanelServices } from './panel-services.js';

export type Rights = 'admin' | 'read';

export interface Viewer {
  rights: Rights;
  /** Why there are no forms; null for an admin. */
  why: string | null;
}

const onlyAdmins = 'Only an admin of this repository can change where it deploys.';

/**
 * Rights of somebody who comes with a fresh JWT for the admin page's URL. Bitbucket shows that page to admins only, so where our
 * own credential may not ask (`unknown`) the JWT is the proof. An outage is no proof: then it is read only.
 */
export async function rightsOfVisitor(
  services: PanelServices,
  repository: Repository,
  userUuid: string,
): Promise<Viewer> {
  let permission: RepositoryPermission;
  try {
    permission = await services.permission(repository, userUuid);
  } catch (error) {
    services.logger.warn(
      { err: error, repository: repository.uuid },
      'panel: permission not answered',
    );
    return {
      rights: 'read',
      why: 'Bitbucket did not say whether you are an admin of this repository. Reload the page to try again.',
    };
  }
  return mayChange(permission)
    ? { rights: 'admin', why: null }
    : { rights: 'read', why: `${onlyAdmins} You can see what was deployed.` };
}

export function mayChange(permission: RepositoryPermission): boolean {
  return permission === 'admin' || permission === 'unknown';
}
