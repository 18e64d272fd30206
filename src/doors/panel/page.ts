import type { RequestHandler } from 'express';
import { AccessError } from '../../core/errors.js';
import { activityWish, type ActivityWish } from './activity-wish.js';
import type { CallDeps } from './calls.js';
import type { PanelContext } from './context.js';
import { trimPlaces, type PanelDeps } from './deps.js';
import { formFields } from './form-fields.js';
import { newTargetView } from './fragments.js';
import { panelIdentity, type PanelIdentity } from './identity.js';
import { loadHook } from './hook-actions.js';
import { loadActivity } from './load-activity.js';
import { rightsOfVisitor } from './rights.js';
import type { PanelSession, SessionTokens } from './session.js';
import { renderView } from './views.js';

/** `GET /panel/repository` and `/panel/overview`, after the iframe JWT was checked. */
export function repositoryPage(
  deps: PanelDeps,
  tokens: SessionTokens<PanelSession>,
): RequestHandler {
  return (req, res, next) => {
    const identity = panelIdentity.safeParse(res.locals['panel']);
    if (!identity.success) {
      next(new AccessError('token_invalid', 401));
      return;
    }
    const places = trimPlaces(deps);
    loadPanel(deps, identity.data, activityWish(formFields(req.query)))
      .then(({ session, view }) => {
        const frame = {
          ...bareFrame,
          sessionToken: tokens.issue(session),
          connectScript: `${places.bitbucketUrl}/atlassian-connect/all.js`,
        };
        return renderView(res, 'panel/repository', { ...view, ...frame }, 'panel');
      })
      .then((html) => res.type('html').send(html))
      .catch(next);
  };
}

/** What the layout `panel` wants of every page. `at` is what the script puts in front of the paths of its calls. */
export const bareFrame = {
  ...{ at: '', sessionToken: '', csrfToken: '' },
  ...{ connectScript: null, own: null },
};

export interface LoadedPanel {
  session: PanelSession;
  /** For the view `panel/repository`, without what belongs to its frame. */
  view: object;
}

/** The repository's panel for somebody whom a door has identified. Throws `BitbucketError`, `AccessError`. */
export async function loadPanel(
  deps: CallDeps,
  identity: PanelIdentity,
  wish: ActivityWish,
): Promise<LoadedPanel> {
  const { services } = deps;
  const places = trimPlaces(deps);
  const repository = await services.openRepository(identity.workspaceUuid, identity.repoUuid);
  const viewer = await rightsOfVisitor(services, repository, identity);
  const name = identity.userName ?? (await services.personName(repository, identity.userUuid));
  const session: PanelSession = {
    ...identity,
    userName: name ?? (viewer.rights === 'admin' ? 'A repository admin' : 'A reader'),
    rights: viewer.rights,
  };
  const isAdmin = viewer.rights === 'admin';
  const now = deps.clock();
  const by = { uuid: session.userUuid, name: session.userName };
  const context: PanelContext = {
    ...{ services, places, session, repository, now, by },
    rights: viewer.rights,
  };
  const [hook, activity, newTarget, branches] = await Promise.all([
    loadHook(context),
    loadActivity(context, { wish }),
    isAdmin ? newTargetView(context) : null,
    isAdmin ? services.branches(repository) : [],
  ]);
  const view = {
    title: 'Slipway',
    now,
    repositoryId: repository.id,
    repositoryName: repository.name,
    isAdmin,
    whyReadOnly: viewer.why,
    cards: activity.targets.map((target) => ({ target, message: null })),
    activity: activity.view,
    newTarget,
    branches,
    hook,
  };
  return { session, view };
}
