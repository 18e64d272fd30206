import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import { bearerSession, bearerToken, readFields, sendAnswer } from './answer.js';
import { actionNames, answerCall, isFragment, refusal, type PanelCall } from './calls.js';
import type { Answer } from './context.js';
import { trimPlaces, type PanelDeps } from './deps.js';
import { formFields } from './form-fields.js';
import { panelHeaders } from './headers.js';
import { repositoryPage } from './page.js';
import { renewAfterUse, renewedSession } from './renewal.js';
import { createSessionTokens, type PanelSession } from './session.js';

/**
 * The repository's panel.
 *
 * `GET /panel/repository` is the page; `GET /panel/overview` the same for all who can read the repository, without forms. Its session token stands in `<meta name="slipway-session" content="…">`. Everything else
 * wants that token as `Authorization: Bearer <session>` (nothing is done by cookies, so nobody else's page can do it) and answers
 * with an HTML fragment. Our own pages have the same calls behind a cookie (doors/dashboard), Forge inside JSON; `calls.ts` does
 * the work for all of them.
 *
 * `POST /panel/actions/<action>`, urlencoded or JSON, plain names:
 *
 * | action                | fields                                                                                              |
 * |-----------------------|-----------------------------------------------------------------------------------------------------|
 * | `target/save`         | `targetId` (empty: new), `expectedVersion`, `backend`, `name`, `branchPattern`, `tagPattern`,       |
 * |                       | `includePaths`, `excludePaths`, `honourSkipMarkers` = `true` or `false` (absent: `true`),           |
 * |                       | `newerPush` = `finish` or `cancel` (absent: `finish`),                                              |
 * |                       | `afterTargetId` (empty: waits for none), `promote` = `automatic` or `person`,                       |
 * |                       | `settings.<field>` (text; `true`/`false`; empty secret = keep), `clear.<secret>` = `true` to forget |
 * |                       | `checked`: see below                                                                                |
 * | `target/check`        | `targetId`, `checked`: see below                                                                    |
 * | `target/fix`          | `targetId`, `fix`: the name of what a warning offered                                               |
 * | `target/remove`       | `targetId`                                                                                          |
 * | `target/automatic`    | `targetId`, `on` = `true` (ends a hold, too) or `false`                                             |
 * | `deploy`              | `targetId`, `refType` = `branch` or `tag`, `refName`                                                |
 * | `deployment/redeploy` | `deploymentId`                                                                                      |
 * | `deployment/cancel`   | `deploymentId`                                                                                      |
 * | `deployment/rollback` | `deploymentId`: the one to go back to                                                               |
 * | `deployment/retry`    | `deploymentId` of one that failed last, or `all` = `true` for all of the repository                 |
 * | `deployment/approve`  | `deploymentId` of one that waits for a person; `deployment/decline` ends it                         |
 * | `deployment/confirm`  | `deploymentId` of one whose backend never answered: it went live                                    |
 *
 * 200 is done; `X-Slipway-Target` or `X-Slipway-Deployment` then names what was made. 422, 409, 403, 401, 404, 413, 5xx are
 * refusals; the fragment says why and carries `data-code`. `X-Slipway-Session` on any answer is the token for the next call: a page
 * that stays open goes on as long as Bitbucket says that this person may read the repository. After `target/save` the fragment holds the `deploy` form.
 *
 * `target/save` and `target/check` try what a deploy needs. With a field `checked` (empty at first) each answer comes after one
 * step: `.checking[data-checked]` says how far it is, and the same fields with that `checked` go on, until the answer is another
 * one. It is sealed and holds all that is known of the check, so any node can answer. Without it there is one answer for all.
 *
 * `GET /panel/fragments/<name>`: `deployments?pages=`, `target?targetId=`, `target-form?targetId=&backend=`,
 * `settings?targetId=&backend=`, `new-target`, `log?deploymentId=`, `calls?deploymentId=`. They carry an ETag; `If-None-Match` gives 304. A deployment's
 * row is `[data-deployment]` with `data-state`, `data-commit`, `data-target`, `data-page`; a target's card is `[data-target-card]`.
 *
 * Needs an Express app with the view engine of `views.ts` and `public/` served at `/public`.
 */
export function createPanelRouter(deps: PanelDeps): Router {
  const router = Router();
  const tokens = createSessionTokens(deps.sessionKeys, deps.clock);
  router.use('/panel', panelHeaders(trimPlaces(deps).bitbucketUrl));
  router.get('/panel/repository', ...deps.authenticate, repositoryPage(deps, tokens));
  router.get('/panel/overview', ...deps.authenticateReader, repositoryPage(deps, tokens));
  const renewed = async (req: Request, session: PanelSession): Promise<string | null> => {
    if (tokens.used(bearerToken(req)) < renewAfterUse) return null;
    const next = await renewedSession(deps.services, session);
    return next && tokens.issue(next);
  };
  router.use(panelCalls(deps, (req) => Promise.resolve(bearerSession(req, tokens)), renewed));
  return router;
}

export const bodyParsers: readonly RequestHandler[] = [
  express.urlencoded({ extended: false, limit: '256kb' }),
  express.json({ limit: '256kb' }),
];

/**
 * `/panel/fragments/…` and `/panel/actions/…`. `sessionOf` throws when the request is nobody's; it is asked before a body is
 * read, so that strangers cannot make us parse anything. `renewed` gives the token that follows, when it is time for it.
 */
export function panelCalls(
  deps: Omit<PanelDeps, 'sessionKeys' | 'authenticate' | 'authenticateReader'>,
  sessionOf: (req: Request, res: Response) => Promise<PanelSession>,
  renewed: (req: Request, session: PanelSession) => Promise<string | null> = () =>
    Promise.resolve(null),
): Router {
  const router = Router({ mergeParams: true });
  const answering =
    (callOf: (req: Request, res: Response) => Promise<PanelCall>): RequestHandler =>
    (req, res, next) => {
      const work = async (): Promise<Answer> => {
        try {
          const session = await sessionOf(req, res);
          const call = await callOf(req, res);
          const [answer, token] = await Promise.all([
            answerCall(deps, session, call),
            renewed(req, session),
          ]);
          return token === null ? answer : withSession(answer, token);
        } catch (error) {
          return refusal(deps.services, error);
        }
      };
      work()
        .then((answer) => sendAnswer(req, res, answer))
        .catch(next);
    };
  router.get('/panel/fragments/:name', (req, res, next) => {
    const name = String(req.params['name']);
    if (!isFragment(name)) next();
    else answering(() => Promise.resolve(fragmentCall(name, req)))(req, res, next);
  });
  for (const name of actionNames) {
    router.post(
      `/panel/actions/${name}`,
      answering(async (req, res) => {
        const fields = await readFields(req, res, bodyParsers);
        return { kind: 'action', name, fields };
      }),
    );
  }
  return router;
}

export function withSession(answer: Answer, token: string): Answer {
  return { ...answer, headers: { ...answer.headers, 'X-Slipway-Session': token } };
}

function fragmentCall(name: string, req: Request): PanelCall {
  return { kind: 'fragment', name, fields: formFields(req.query) };
}
