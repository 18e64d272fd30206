import { Router, type RequestHandler } from 'express';
import type { Deployment } from '../../core/model/index.js';
import type { Clock } from '../../core/ports.js';
import { trimPlaces, type Places } from '../panel/deps.js';
import { bareFrame } from '../panel/page.js';
import { privatePageHeaders } from '../panel/headers.js';
import type { PanelServices } from '../panel/panel-services.js';
import { etagOf } from '../panel/etag.js';
import { loadJourneys } from '../panel/load-push.js';
import {
  deploymentView,
  type DeploymentView,
  type Surroundings,
} from '../panel/view/deployments.js';
import { publicSteps, type TimelineStep } from '../panel/view/timeline.js';
import { renderView } from '../panel/views.js';
import { renderErrorPage } from './error-page.js';

export interface DeploymentPageDeps extends Places {
  services: Pick<PanelServices, 'read' | 'backends'>;
  clock: Clock;
}

interface PageView {
  deployment: DeploymentView;
  steps: TimelineStep[];
  repositoryName: string;
  path: string;
  /** When to ask again, ms; 0 = it is over. */
  every: number;
}

/**
 * `GET /d/:token`: one deployment, for whoever has the link (every build status leads here). Nobody has to sign in, so it shows no log
 * and offers no action.
 */
export function createDeploymentPage(deps: DeploymentPageDeps): Router {
  const router = Router();
  router.use('/d', privatePageHeaders({ frameAncestors: [] }), (_req, res, next) => {
    res.setHeader('X-Robots-Tag', 'noindex');
    next();
  });
  router.get('/d/:token', pageRoute(deps));
  router.get('/d/:token/fragment', fragmentRoute(deps));
  return router;
}

function pageRoute(deps: DeploymentPageDeps): RequestHandler {
  return (req, res, next) => {
    const show = async (): Promise<void> => {
      const view = await pageView(deps, String(req.params['token']));
      if (view === null) {
        await renderErrorPage(res, notFound);
        return;
      }
      const { deployment, repositoryName } = view;
      const frame = {
        title: `${deployment.state.word}: ${deployment.commit.short} to ${deployment.targetName}, ${repositoryName}`,
        ...bareFrame,
        now: deps.clock(),
      };
      res
        .type('html')
        .send(await renderView(res, 'pages/deployment', { ...frame, ...view }, 'panel'));
    };
    show().catch(next);
  };
}

function fragmentRoute(deps: DeploymentPageDeps): RequestHandler {
  return (req, res, next) => {
    const show = async (): Promise<void> => {
      const view = await pageView(deps, String(req.params['token']));
      if (view === null) {
        res.status(404).type('html').end();
        return;
      }
      const html = await renderView(res, 'pages/deployment-fragment', view);
      const etag = etagOf(html);
      res.set('ETag', etag).type('html');
      if (req.get('if-none-match') === etag) res.status(304).end();
      else res.end(html);
    };
    show().catch(next);
  };
}

async function pageView(deps: DeploymentPageDeps, token: string): Promise<PageView | null> {
  const { read, backends } = deps.services;
  // Not a token of ours, whatever it is: no need to ask the store.
  if (!/^[\w-]{16,200}$/.test(token)) return null;
  const deployment = await read.deployments.byPageToken(token);
  if (deployment === null) return null;
  const { refChangeId, targetId } = deployment;
  const [repository, target, arrivals, decision, journeys] = await Promise.all([
    read.repositories.byId(deployment.repositoryId),
    read.targets.byId(targetId),
    refChangeId === null ? [] : read.events.arrivals(refChangeId),
    refChangeId === null ? null : read.events.decision(refChangeId, targetId),
    loadJourneys(read, [deployment]),
  ]);
  const journey = journeys.get(deployment.id);
  if (repository === null || journey === undefined) return null;
  const around: Surroundings = {
    repository,
    targets: new Map(target === null ? [] : [[target.id, target]]),
    backends,
    places: trimPlaces(deps),
    rights: 'read',
    now: deps.clock(),
  };
  const view = deploymentView(deployment, around);
  return {
    deployment: view,
    steps: publicSteps({ arrivals, decision, journey }, around),
    repositoryName: repository.name,
    path: `/d/${token}/fragment`,
    every: pollEvery(view, deployment.state),
  };
}

function pollEvery(view: DeploymentView, state: Deployment['state']): number {
  if (view.isRunning) return 2_000;
  // What is live now may be replaced; other ends stay as they are.
  return state === 'live' ? 60_000 : 0;
}

const notFound = {
  status: 404,
  says: 'There is no such deployment',
  advice:
    'The link may be incomplete, or the deployment is so old that it was deleted. Open the newest build status on the commit in Bitbucket.',
  reference: null,
};
