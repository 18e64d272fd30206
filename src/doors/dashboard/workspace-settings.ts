import type { Request, RequestHandler, Response } from 'express';
import type { WorkspaceIdentity } from '../panel/identity.js';
import { bareFrame } from '../panel/page.js';
import type { WorkspaceSession } from '../panel/session.js';
import { renderView } from '../panel/views.js';
import { handled } from '../web/handled.js';
import type { CurrentSession } from '../web/sessions.js';
import { openWorkspaceSession, type WorkspaceCallDeps } from '../workspace/calls.js';
import { loadWorkspacePage } from '../workspace/router.js';
import { noticesFor } from './own-notices.js';
import { ownBar } from './own-bar.js';
import { sessionOf, settingsPath, uuidOf, workspacePath } from './places.js';
import type { OwnWorkspaces } from './workspaces.js';

export type SettingsDeps = WorkspaceCallDeps & { own: OwnWorkspaces };

/** Rights as Bitbucket tells the person themselves; no app need be installed to find out. */
export function settingsDeps(workspace: WorkspaceCallDeps, own: OwnWorkspaces): SettingsDeps {
  const services = { ...workspace.services, workspacePermission: own.permission.bind(own) };
  return { ...workspace, services, own };
}

/** `GET /w/<uuid>/settings`: the workspace's page, the same as behind *Configure* in Bitbucket. */
export function settingsPage(deps: SettingsDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = sessionOf(req);
    const { userUuid } = session;
    const workspaceUuid = uuidOf(req.params['workspace']);
    const { name, slug } = await deps.own.open(userUuid, workspaceUuid);
    const [{ view }, notices] = await Promise.all([
      loadWorkspacePage(deps, identityOf(workspaceUuid, session)),
      noticesFor(deps.services.read, userUuid),
    ]);
    const workspaceName = name ?? slug;
    const allNotices = '/';
    const crumbs = [{ name: workspaceName, path: workspacePath(workspaceUuid) }];
    const frame = {
      ...bareFrame,
      at: settingsPath(workspaceUuid),
      csrfToken: session.csrfToken,
      own: ownBar(session, { crumbs, notices, allNotices, now: deps.clock() }),
    };
    const page = { ...view, workspaceName, ...frame };
    res.type('html').send(await renderView(res, 'workspace/page', page, 'panel'));
  });
}

/** Of a call of the page's script. Rights are found anew with each: a cookie lives longer than a right may. */
export async function settingsSession(
  deps: SettingsDeps,
  req: Request,
  _res: Response,
): Promise<WorkspaceSession> {
  const current = sessionOf(req);
  const workspaceUuid = uuidOf(req.params['workspace']);
  await deps.own.open(current.userUuid, workspaceUuid);
  const { session } = await openWorkspaceSession(deps, identityOf(workspaceUuid, current));
  return session;
}

function identityOf(
  workspaceUuid: string,
  { userUuid, userName }: CurrentSession,
): WorkspaceIdentity {
  return { door: 'oauth', workspaceUuid, userUuid, userName, proof: 'none' };
}
