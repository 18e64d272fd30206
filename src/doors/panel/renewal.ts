import type { Logger } from '../../core/ports.js';
import type { PanelServices } from './panel-services.js';
import type { WorkspaceServices } from '../workspace/workspace-services.js';
import { mayReadRepository } from './identity.js';
import type { PanelSession, WorkspaceSession } from './session.js';

/** From here on a page that is only looked at asks for its next session. */
export const renewAfterUse = 1 / 3;

/**
 * The session that follows, for a page that is still open: Bitbucket is asked again what this person may do. Only its word
 * counts from here on. The proof that came with the page does not live longer than its own 15 minutes, so where Bitbucket does
 * not say (`unknown`, an outage, a reader's page that names nobody), there is none: null.
 */
export async function renewedSession(
  services: Pick<PanelServices, 'permission' | 'read' | 'logger'>,
  session: PanelSession,
): Promise<PanelSession | null> {
  if (session.proof === 'reader_page') return null;
  try {
    const repository = await services.read.repositories.byUuid(session.repoUuid);
    if (repository?.workspaceUuid !== session.workspaceUuid) return null;
    if (repository.state === 'deleted') return null;
    const permission = await services.permission(repository, session.userUuid);
    if (!mayReadRepository(permission)) return null;
    // Never more than before: the page on the screen was drawn for that.
    const rights = session.rights === 'admin' && permission === 'admin' ? 'admin' : 'read';
    return { ...session, rights, proof: 'none' };
  } catch (error) {
    services.logger.warn({ err: error, repository: session.repoUuid }, 'panel: not renewed');
    return null;
  }
}

/** The same for a workspace's page, for its admins: others have nothing to do there. */
export async function renewedWorkspaceSession(
  {
    services,
    logger,
  }: { services: Pick<WorkspaceServices, 'workspacePermission'>; logger: Logger },
  session: WorkspaceSession,
): Promise<WorkspaceSession | null> {
  const { workspaceUuid, userUuid } = session;
  try {
    const permission = await services.workspacePermission(workspaceUuid, userUuid);
    return permission === 'admin' ? { ...session, proof: 'none' } : null;
  } catch (error) {
    logger.warn({ err: error, workspace: workspaceUuid }, 'workspace: not renewed');
    return null;
  }
}
