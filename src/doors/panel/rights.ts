import type { Repository } from '../../core/model/index.js';
import type { RepositoryPermission } from '../../core/ports.js';
import { mayChangeRepository, type PanelIdentity, type Rights } from './identity.js';
import type { PanelServices } from './panel-services.js';

export interface Viewer {
  rights: Rights;
  /** Why there are no forms; null for an admin. */
  why: string | null;
}

const onlyAdmins = 'Only an admin of this repository can change where it deploys.';

const forReaders =
  'This page is for everybody who can read the repository. Its admins change targets in Repository settings → Slipway.';

/**
 * Rights of somebody who opens the panel. Where our own credential may not ask (`unknown`), only the proof that came with the
 * visitor counts. An outage is no proof: then it is read only.
 */
export async function rightsOfVisitor(
  services: PanelServices,
  repository: Repository,
  identity: Pick<PanelIdentity, 'userUuid' | 'proof'>,
): Promise<Viewer> {
  if (identity.proof === 'reader_page') return { rights: 'read', why: forReaders };
  let permission: RepositoryPermission;
  try {
    permission = await services.permission(repository, identity.userUuid);
  } catch (error) {
    services.logger.warn(
      { err: error, repository: repository.uuid },
      'panel: permission not answered',
    );
    return { rights: 'read', why: notAnswered('repository') };
  }
  if (mayChangeRepository(permission, identity)) return { rights: 'admin', why: null };
  return {
    rights: 'read',
    why:
      permission === 'unknown'
        ? notAllowedToAsk('repository')
        : `${onlyAdmins} You can see what was deployed.`,
  };
}

export function notAnswered(what: 'repository' | 'workspace'): string {
  return `Bitbucket did not say whether you are an admin of this ${what}. Reload the page to try again.`;
}

export function notAllowedToAsk(what: 'repository' | 'workspace'): string {
  return `Bitbucket does not let Slipway ask whether you are an admin of this ${what}.`;
}
