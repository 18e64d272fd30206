import { Router, type Request, type RequestHandler, type Response } from 'express';
import { openRepository } from '../../actions/open-repository.js';
import { AccessError } from '../../core/errors.js';
import type { PersonView } from '../../core/person-view.js';
import type { Clock, Storage } from '../../core/ports.js';
import { cachedFor } from '../../lib/cached-for.js';
import { activityWish } from '../panel/activity-wish.js';
import type { CallDeps } from '../panel/calls.js';
import type { Places } from '../panel/deps.js';
import { formFields, textOf } from '../panel/form-fields.js';
import { privatePageHeaders } from '../panel/headers.js';
import type { PanelIdentity } from '../panel/identity.js';
import { bareFrame, loadPanel } from '../panel/page.js';
import type { PanelServices } from '../panel/panel-services.js';
import { rightsOfVisitor } from '../panel/rights.js';
import { panelCalls } from '../panel/router.js';
import type { PanelSession } from '../panel/session.js';
import { renderView } from '../panel/views.js';
import { handled } from '../web/handled.js';
import { currentSession, type CurrentSession, type WebSessions } from '../web/sessions.js';
import type { WorkspaceCallDeps } from '../workspace/calls.js';
import { workspaceCalls } from '../workspace/router.js';
import { noticesFor } from './own-notices.js';
import { ownBar } from './own-bar.js';
import { repositoryPath, sessionOf, settingsPath, uuidOf, workspacePath } from './places.js';
import { settingsDeps, settingsPage, settingsSession } from './workspace-settings.js';
import { createOwnWorkspaces, type OwnWorkspaces } from './workspaces.js';

export interface DashboardDeps extends Places {
  services: PanelServices;
  workspace: Pick<WorkspaceCallDeps, 'services' | 'sections' | 'logger'>;
  sessions: WebSessions;
  view: PersonView;
  storage: Storage;
  clock: Clock;
  /** Whether anybody can sign in here. */
  canSignIn: boolean;
}

type PageDeps = DashboardDeps & { own: OwnWorkspaces };

const permissionCacheMs = 60_000;

/**
 * Our own pages, for people who signed in with Bitbucket: `/` lists workspaces, `/w/<uuid>` repositories, `/w/<uuid>/settings` is
 * the workspace's page and `/w/<uuid>/r/<uuid>` the repository's panel, both the same as in Bitbucket's frame, with a cookie
 * session and a CSRF token instead of a bearer token. Everything is asked in the person's own name, so nobody sees here what
 * Bitbucket would not show them.
 */
export function createDashboardRouter(deps: DashboardDeps): Router {
  const router = Router();
  const headers = privatePageHeaders({ frameAncestors: [], forms: true });
  const page = { ...deps, own: createOwnWorkspaces(deps.view, deps.clock) };
  const call = callDeps(deps);
  const settings = settingsDeps({ ...deps, ...deps.workspace }, page.own);
  const { load, require } = deps.sessions;
  router.get('/', headers, load, home(page));
  router.use('/w', headers, load);
  router.get('/w/:workspace', require, workspacePage(page));
  router.get('/w/:workspace/settings', require, settingsPage(settings));
  router.get('/w/:workspace/r/:repository', require, repositoryPage(page, call));
  router.use(
    '/w/:workspace/settings',
    workspaceCalls(settings, async (req, res) => {
      await checkCsrf(deps, req, res);
      return settingsSession(settings, req, res);
    }),
  );
  router.use(
    '/w/:workspace/r/:repository',
    panelCalls(call, async (req, res) => {
      await checkCsrf(deps, req, res);
      return panelSession(deps, call, req);
    }),
  );
  return router;
}

/** Permissions as Bitbucket tells the person themselves; no app credential is needed to look. */
function callDeps(deps: DashboardDeps): CallDeps {
  const { services, view, storage, clock } = deps;
  const ask = cachedFor(permissionCacheMs, clock, view.permission.bind(view), {
    key: (userUuid, { uuid, workspaceUuid }) => `${userUuid} ${workspaceUuid} ${uuid}`,
  });
  const permission: PanelServices['permission'] = (repository, userUuid) =>
    ask(userUuid, repository);
  return { ...deps, services: { ...services, read: storage.read, permission } };
}

function home(deps: PageDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = currentSession(req);
    if (session === null) {
      await show(res, 'dashboard/welcome', { canSignIn: deps.canSignIn });
      return;
    }
    const { userUuid } = session;
    const [all, notices] = await Promise.all([
      deps.view.workspaces(userUuid).then((found) => deps.own.named(userUuid, found)),
      noticesFor(deps.storage.read, userUuid),
    ]);
    await show(res, 'dashboard/workspaces', {
      own: ownBar(session, { notices, allNotices: null, now: deps.clock() }),
      rows: all.map(({ uuid, slug, name, isAdmin }) => ({
        ...{ slug, isAdmin, name: name ?? slug },
        path: workspacePath(uuid),
        settings: isAdmin ? settingsPath(uuid) : null,
      })),
    });
  });
}

function workspacePage(deps: PageDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = sessionOf(req);
    const { userUuid } = session;
    const uuid = uuidOf(req.params['workspace']);
    const fields = formFields(req.query);
    const search = textOf(fields, 'search').slice(0, 100);
    const page = Math.min(Math.max(Number.parseInt(textOf(fields, 'page'), 10) || 1, 1), 1_000);
    const { name, slug, isAdmin } = await deps.own.open(userUuid, uuid);
    const [found, notices] = await Promise.all([
      deps.view.repositories(userUuid, uuid, { search, page }),
      noticesFor(deps.storage.read, userUuid, isAdmin ? { workspaceUuid: uuid } : {}),
    ]);
    const at = workspacePath(uuid);
    const pathOf = (to: number): string =>
      `${at}?${new URLSearchParams({ search, page: String(to) }).toString()}`;
    const allNotices = isAdmin ? settingsPath(uuid) : '/';
    await show(res, 'dashboard/repositories', {
      own: ownBar(session, { crumbs: [], notices, allNotices, now: deps.clock() }),
      ...{ at, search, isSearch: search !== '', isAdmin },
      workspaceName: name ?? slug,
      settings: settingsPath(uuid),
      rows: found.repositories.map(({ uuid: repository, fullName, name: title, isPrivate }) => ({
        ...{ fullName, name: title, isPrivate },
        path: repositoryPath(uuid, repository),
      })),
      previous: page > 1 ? pathOf(page - 1) : null,
      next: found.hasMore ? pathOf(page + 1) : null,
    });
  });
}

function repositoryPage(deps: PageDeps, call: CallDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = sessionOf(req);
    const identity = identityOf(req, session);
    const { workspaceUuid, repoUuid, userUuid } = identity;
    const repository = await openFor(deps, call, identity);
    const services = { ...call.services, openRepository: openIn(deps, identity) };
    const wish = activityWish(formFields(req.query));
    const [panel, workspace] = await Promise.all([
      loadPanel({ ...call, services }, identity, wish),
      // Guests of one repository are no members of its workspace.
      deps.own.find(userUuid, workspaceUuid).catch(() => null),
    ]);
    const mayKnow = panel.session.rights === 'admin' ? { repositoryId: repository.id } : {};
    const notices = await noticesFor(deps.storage.read, userUuid, mayKnow);
    const name = workspace?.name ?? workspace?.slug ?? repository.fullName.split('/')[0] ?? '';
    const crumbs = workspace ? [{ name, path: workspacePath(workspaceUuid) }] : [];
    const frame = {
      ...bareFrame,
      at: repositoryPath(workspaceUuid, repoUuid),
      csrfToken: session.csrfToken,
      own: ownBar(session, { crumbs, notices, allNotices: '/', now: deps.clock() }),
    };
    res
      .type('html')
      .send(await renderView(res, 'panel/repository', { ...panel.view, ...frame }, 'panel'));
  });
}

/** Of everything that changes something; before a body is read, so the token must be in the header. */
async function checkCsrf({ sessions }: DashboardDeps, req: Request, res: Response): Promise<void> {
  if (req.method === 'GET') return;
  await new Promise<void>((resolve, reject) => {
    sessions.checkCsrf(req, res, (error?: unknown) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

/** Of a call of the panel's script. Rights are found anew with each: a cookie lives longer than a right may. */
async function panelSession(
  deps: DashboardDeps,
  call: CallDeps,
  req: Request,
): Promise<PanelSession> {
  const session = sessionOf(req);
  const identity = identityOf(req, session);
  const repository = await openFor(deps, call, identity);
  const { rights } = await rightsOfVisitor(call.services, repository, identity);
  return { ...identity, userName: session.userName, rights };
}

/** Whoever may not even read a repository finds nothing here. */
async function openFor(deps: DashboardDeps, call: CallDeps, identity: PanelIdentity) {
  const repository = await openIn(deps, identity)(identity.workspaceUuid, identity.repoUuid);
  const permission = await call.services.permission(repository, identity.userUuid);
  if (permission === 'none') throw new AccessError('repository_unknown', 404);
  return repository;
}

function openIn({ view, ...deps }: DashboardDeps, { userUuid }: PanelIdentity) {
  const repository: PersonView['repository'] = view.repository.bind(view);
  const bitbucket = {
    repository: (workspaceUuid: string, uuid: string) => repository(userUuid, workspaceUuid, uuid),
  };
  return (workspaceUuid: string, uuid: string) =>
    openRepository(workspaceUuid, uuid, { ...deps, bitbucket });
}

function identityOf(req: Request, { userUuid, userName }: CurrentSession): PanelIdentity {
  return {
    door: 'oauth',
    workspaceUuid: uuidOf(req.params['workspace']),
    repoUuid: uuidOf(req.params['repository']),
    userUuid,
    userName,
    proof: 'none',
  };
}

async function show(res: Response, view: string, data: object): Promise<void> {
  res.type('html').send(await renderView(res, view, { title: 'Slipway', ...data }, 'plain'));
}
