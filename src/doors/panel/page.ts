import type { RequestHandler } from 'express';
import { AccessError } from '../../core/errors.js';
import { activityWish, type ActivityWish } from './activity-wish.js';
import type { PanelContext } from './context.js';
import { basePath, connectIdentity, trimPlaces, type PanelDeps } from './deps.js';
import { formFields } from './form-fields.js';
import { newTargetView } from './fragments.js';
import { loadActivity } from './load-activity.js';
import { rightsOfVisitor } from './rights.js';
import type { PanelSession, SessionTokens } from './session.js';
import { renderView } from './views.js';

/** `GET /panel/repository`, after the iframe JWT was checked. */
export function repositoryPage(deps: PanelDeps, tokens: SessionTokens): RequestHandler {
  return (req, res, next) => {
    const identity = connectIdentity.safeParse(res.locals['connect']);
    if (!identity.success) {
      next(new AccessError('token_invalid', 401));
      return;
    }
    pageView(deps, tokens, identity.data, activityWish(formFields(req.query)))
      .then((view) => renderView(res, 'panel/repository', view, 'panel'))
      .then((html) => res.type('html').send(html))
      .catch(next);
  };
}

interface Identity {
  clientKey: string;
  workspaceUuid: string;
  repoUuid: string;
  userUuid: string;
  userName?: string | null | undefined;
}

async function pageView(
  deps: PanelDeps,
  tokens: SessionTokens,
  identity: Identity,
  wish: ActivityWish,
): Promise<object> {
  const { services } = deps;
  const places = trimPlaces(deps);
  const repository = await services.openRepository(identity.workspaceUuid, identity.repoUuid);
  const viewer = await rightsOfVisitor(services, repository, identity.userUuid);
  const name = identity.userName ?? (await services.personName(repository, identity.userUuid));
  const session: PanelSession = {
    clientKey: identity.clientKey,
    workspaceUuid: identity.workspaceUuid,
    repoUuid: identity.repoUuid,
    userUuid: identity.userUuid,
    userName: name ?? 'A repository admin',
    rights: viewer.rights,
  };
  const isAdmin = viewer.rights === 'admin';
  const now = deps.clock();
  const by = { uuid: session.userUuid, name: session.userName };
  const context: PanelContext = {
    ...{ services, places, session, repository, now, by },
    rights: viewer.rights,
  };
  const [activity, newTarget, branches] = await Promise.all([
    loadActivity(context, { wish }),
    isAdmin ? newTargetView(context) : null,
    isAdmin ? services.branches(repository) : [],
  ]);
  return {
    title: 'Slipway',
    sessionToken: tokens.issue(session),
    base: basePath(places),
    now,
    connectScript: `${places.bitbucketUrl}/atlassian-connect/all.js`,
    repositoryName: repository.name,
    isAdmin,
    whyReadOnly: viewer.why,
    cards: activity.targets.map((target) => ({ target, message: null })),
    activity: activity.view,
    newTarget,
    branches,
  };
}
