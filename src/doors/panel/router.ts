import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { AccessError } from '../../core/errors.js';
import {
  demandAdmin,
  repositoryOf,
  type Answer,
  type Handler,
  type PanelContext,
} from './context.js';
import { trimPlaces, type PanelDeps } from './deps.js';
import { approve, cancel, decline, deploy, redeploy, rollBack } from './deployment-actions.js';
import { etagOf } from './etag.js';
import { formFields, type FormFields } from './form-fields.js';
import { fragments } from './fragments.js';
import { panelHeaders } from './headers.js';
import { repositoryPage } from './page.js';
import { problemOf } from './problems.js';
import { createSessionTokens, type PanelSession, type SessionTokens } from './session.js';
import { removeTarget, saveTarget, setAutomatic } from './target-actions.js';
import { renderView } from './views.js';

/**
 * The repository's panel.
 *
 * `GET /panel/repository` is the page; its session token stands in `<meta name="slipway-session" content="…">`. Everything else
 * wants that token as `Authorization: Bearer <session>` (nothing is done by cookies, so nobody else's page can do it) and answers
 * with an HTML fragment.
 *
 * `POST /panel/actions/<action>`, urlencoded or JSON, plain names:
 *
 * | action                | fields                                                                                              |
 * |-----------------------|-----------------------------------------------------------------------------------------------------|
 * | `target/save`         | `targetId` (empty: new), `expectedVersion`, `backend`, `name`, `branchPattern`, `tagPattern`,       |
 * |                       | `includePaths`, `excludePaths`, `honourSkipMarkers` = `true` or `false` (absent: `true`),           |
 * |                       | `afterTargetId` (empty: waits for none), `promote` = `automatic` or `person`,                       |
 * |                       | `settings.<field>` (text; `true`/`false`; empty secret = keep), `clear.<secret>` = `true` to forget |
 * | `target/remove`       | `targetId`                                                                                          |
 * | `target/automatic`    | `targetId`, `on` = `true` (ends a hold, too) or `false`                                             |
 * | `deploy`              | `targetId`, `refType` = `branch` or `tag`, `refName`                                                |
 * | `deployment/redeploy` | `deploymentId`                                                                                      |
 * | `deployment/cancel`   | `deploymentId`                                                                                      |
 * | `deployment/rollback` | `deploymentId`: the one to go back to                                                               |
 * | `deployment/approve`  | `deploymentId` of one that waits for a person; `deployment/decline` ends it                         |
 *
 * 200 is done; `X-Slipway-Target` or `X-Slipway-Deployment` then names what was made. 422, 409, 403, 401, 404, 413, 5xx are
 * refusals; the fragment says why and carries `data-code`. After `target/save` the fragment holds the `deploy` form.
 *
 * `GET /panel/fragments/<name>`: `deployments?pages=`, `target?targetId=`, `target-form?targetId=&backend=`,
 * `settings?targetId=&backend=`, `new-target`, `log?deploymentId=`, `calls?deploymentId=`. They carry an ETag; `If-None-Match` gives 304. A deployment's
 * row is `[data-deployment]` with `data-state`, `data-commit`, `data-target`, `data-page`; a target's card is `[data-target-card]`.
 *
 * Needs an Express app with the view engine of `views.ts` and `public/` served at `/public`.
 */
export function createPanelRouter(deps: PanelDeps): Router {
  const router = Router();
  const tokens = createSessionTokens(deps.sessionKey, deps.clock);
  const places = trimPlaces(deps);
  router.use('/panel', panelHeaders(places.bitbucketUrl));
  router.get('/panel/repository', ...deps.authenticate, repositoryPage(deps, tokens));
  router.get('/panel/fragments/:name', fragmentRoute(deps, tokens));
  const bodies = [
    express.urlencoded({ extended: false, limit: '256kb' }),
    express.json({ limit: '256kb' }),
  ];
  for (const [name, handle] of Object.entries(actions)) {
    router.post(`/panel/actions/${name}`, actionRoute(deps, tokens, bodies, handle));
  }
  return router;
}

const actions: Readonly<Record<string, Handler>> = {
  'target/save': saveTarget,
  'target/remove': removeTarget,
  'target/automatic': setAutomatic,
  deploy,
  'deployment/redeploy': redeploy,
  'deployment/cancel': cancel,
  'deployment/rollback': rollBack,
  'deployment/approve': approve,
  'deployment/decline': decline,
};

function fragmentRoute(deps: PanelDeps, tokens: SessionTokens): RequestHandler {
  return (req, res, next) => {
    const fragment = Object.hasOwn(fragments, String(req.params['name']))
      ? fragments[String(req.params['name'])]
      : undefined;
    if (fragment === undefined) {
      next();
      return;
    }
    const work = async (): Promise<Answer> => {
      const context = await openContext(deps, sessionOf(req, tokens));
      if (fragment.adminOnly) await demandAdmin(context);
      return fragment.handle(context, formFields(req.query));
    };
    answer(deps, req, res, work).catch(next);
  };
}

function actionRoute(
  deps: PanelDeps,
  tokens: SessionTokens,
  bodies: readonly RequestHandler[],
  handle: Handler,
): RequestHandler {
  return (req, res, next) => {
    const work = async (): Promise<Answer> => {
      // Before the body is read: strangers cannot make us parse anything.
      const session = sessionOf(req, tokens);
      const fields = await readBody(req, res, bodies);
      const context = await openContext(deps, session);
      await demandAdmin(context);
      return handle(context, fields);
    };
    answer(deps, req, res, work).catch(next);
  };
}

function sessionOf(req: Request, tokens: SessionTokens): PanelSession {
  const [, token] = /^Bearer ([\w.-]+)$/.exec(req.get('authorization') ?? '') ?? [];
  const session = token === undefined ? null : tokens.read(token);
  if (session === null) throw new AccessError('session_expired', 401);
  return session;
}

async function openContext(deps: PanelDeps, session: PanelSession): Promise<PanelContext> {
  return {
    services: deps.services,
    places: trimPlaces(deps),
    session,
    repository: await repositoryOf(deps.services, session),
    rights: session.rights,
    by: { uuid: session.userUuid, name: session.userName },
    now: deps.clock(),
  };
}

async function readBody(
  req: Request,
  res: Response,
  parsers: readonly RequestHandler[],
): Promise<FormFields> {
  for (const parse of parsers) {
    await new Promise<void>((resolve, reject) => {
      parse(req, res, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new Error('body parser failed'));
      });
    });
  }
  return formFields(req.body);
}

async function answer(
  deps: PanelDeps,
  req: Request,
  res: Response,
  work: () => Promise<Answer>,
): Promise<void> {
  let result: Answer;
  try {
    result = await work();
  } catch (error) {
    result = refusal(deps, error);
  }
  const html = await renderView(res, result.view, result.data);
  res
    .status(result.status)
    .type('html')
    .set(result.headers ?? {});
  if (req.method === 'GET' && result.status === 200) {
    const etag = etagOf(html);
    res.set('ETag', etag);
    // Not Express's own freshness check: fetch adds `Cache-Control: no-cache`, which would always win there.
    if (req.get('if-none-match') === etag) {
      res.status(304).end();
      return;
    }
  }
  res.end(html);
}

function refusal(deps: PanelDeps, error: unknown): Answer {
  const problem = problemOf(error);
  if (problem.isOurs) deps.services.logger.error({ err: error }, 'panel: request failed');
  const flag = { kind: 'error', says: problem.says, advice: problem.advice, code: problem.code };
  return { status: problem.status, view: 'panel/message', data: { flag } };
}
