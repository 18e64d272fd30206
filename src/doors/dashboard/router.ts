import { Router, type Request, type RequestHandler, type Response } from 'express';
import { openRepository } from '../../actions/open-repository.js';
import { AccessError } from '../../core/errors.js';
import type { PersonView } from '../../core/person-view.js';
import type { Clock, Storage } from '../../core/ports.js';
import { cachedFor } from '../../lib/cached-for.js';
import type { CallDeps } from '../panel/calls.js';
import { trimPlaces, type Places } from '../panel/deps.js';
import { formFields, textOf } from '../panel/form-fields.js';
import { activityWish } from '../panel/activity-wish.js';
import { privatePageHeaders } from '../panel/headers.js';
import type { PanelIdentity } from '../panel/identity.js';
import { frameOf, loadPanel } from '../panel/page.js';
import type { PanelServices } from '../panel/panel-services.js';
import { rightsOfVisitor } from '../panel/rights.js';
import { panelCalls } from '../panel/router.js';
import type { PanelSession } from '../panel/session.js';
import { renderView } from '../panel/views.js';
import { handled } from '../web/handled.js';
import { currentSession, type CurrentSession, type WebSessions } from '../web/sessions.js';

export interface DashboardDeps extends Places {
  services: PanelServices;
  sessions: WebSessions;
  view: PersonView;
  storage: Storage;
  clock: Clock;
  /** Whether anybody can sign in here. */
  canSignIn: boolean;
}

const permissionCacheMs = 60_000;

/**
 * Our own pages, for people who signed in with Bitbucket: `/` lists workspaces, `/w/<uuid>` repositories, and
 * `/w/<uuid>/r/<uuid>` is the same panel as in Bitbucket's frame, with a cookie session and a CSRF token instead of a bearer
 * token. Everything is asked in the person's own name, so nobody sees here what Bitbucket would not show them.
 */
export function createDashboardRouter(deps: DashboardDeps): Router {
  const router = Router();
  const headers = privatePageHeaders({ frameAncestors: [], forms: true });
  const call = callDeps(deps);
  const { load, require } = deps.sessions;
  router.get('/', headers, load, home(deps));
  router.use('/w', headers, load);
  router.get('/w/:workspace', require, workspacePage(deps));
  router.get('/w/:workspace/r/:repository', require, repositoryPage(deps, call));
  router.use(
    '/w/:workspace/r/:repository',
    panelCalls(call, (req, res) => panelSession(deps, call, req, res)),
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

function home(deps: DashboardDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = currentSession(req);
    const workspaces = session ? await deps.view.workspaces(session.userUuid) : [];
    const rows = workspaces.map(({ uuid, slug, isAdmin }) => ({
      slug,
      isAdmin,
      path: `/w/${bare(uuid)}`,
    }));
    const { canSignIn } = deps;
    const body = session ? { ...signedIn(session), rows } : { canSignIn };
    await show(res, deps, session ? 'dashboard/workspaces' : 'dashboard/welcome', body);
  });
}

function workspacePage(deps: DashboardDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = sessionOf(req);
    const workspaceUuid = uuidOf(req.params['workspace']);
    const fields = formFields(req.query);
    const search = textOf(fields, 'search').slice(0, 100);
    const page = Math.min(Math.max(Number.parseInt(textOf(fields, 'page'), 10) || 1, 1), 1_000);
    const found = await deps.view.repositories(session.userUuid, workspaceUuid, { search, page });
    const at = `/w/${bare(workspaceUuid)}`;
    const pathOf = (to: number): string =>
      `${at}?${new URLSearchParams({ search, page: String(to) }).toString()}`;
    await show(res, deps, 'dashboard/repositories', {
      ...signedIn(session),
      ...{ at, search, isSearch: search !== '' },
      workspaceName: found.repositories[0]?.fullName.split('/')[0] ?? 'Repositories',
      rows: found.repositories.map(({ uuid, fullName, name, isPrivate }) => ({
        ...{ fullName, name, isPrivate },
        path: `${at}/r/${bare(uuid)}`,
      })),
      previous: page > 1 ? pathOf(page - 1) : null,
      next: found.hasMore ? pathOf(page + 1) : null,
    });
  });
}

function repositoryPage(deps: DashboardDeps, call: CallDeps): RequestHandler {
  return handled(async (req, res) => {
    const session = sessionOf(req);
    const identity = identityOf(req, session);
    await openFor(deps, call, identity);
    const services = { ...call.services, openRepository: openIn(deps, identity) };
    const wish = activityWish(formFields(req.query));
    const { view } = await loadPanel({ ...call, services }, identity, wish);
    const at = `/w/${bare(identity.workspaceUuid)}/r/${bare(identity.repoUuid)}`;
    const frame = { ...frameOf(trimPlaces(deps)), at, csrfToken: session.csrfToken };
    res
      .type('html')
      .send(await renderView(res, 'panel/repository', { ...view, ...frame }, 'panel'));
  });
}

/** Of a call of the panel's script. Rights are found anew with each: a cookie lives longer than a right may. */
async function panelSession(
  deps: DashboardDeps,
  call: CallDeps,
  req: Request,
  res: Response,
): Promise<PanelSession> {
  const session = sessionOf(req);
  if (req.method !== 'GET') {
    await new Promise<void>((resolve, reject) => {
      deps.sessions.checkCsrf(req, res, (error?: unknown) => {
        if (error instanceof Error) reject(error);
        else resolve();
      });
    });
  }
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

function sessionOf(req: Request): CurrentSession {
  const session = currentSession(req);
  if (session === null) throw new AccessError('signed_out', 401);
  return session;
}

/** In our addresses uuids have no braces. */
function uuidOf(segment: string | undefined): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(segment ?? '')) {
    throw new AccessError('repository_unknown', 404);
  }
  return `{${segment}}`;
}

function bare(uuid: string): string {
  return uuid.replace(/[{}]/g, '');
}

function signedIn({ userName, csrfToken }: CurrentSession): object {
  return { userName, csrfToken };
}

async function show(res: Response, places: Places, view: string, data: object): Promise<void> {
  const { base } = frameOf(trimPlaces(places));
  const page = { title: 'Slipway', base, ...data };
  res.type('html').send(await renderView(res, view, page, 'plain'));
}
