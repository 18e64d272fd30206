import express, { Router, type Request, type RequestHandler, type Response } from 'express';
import type { SignedIn } from '../../actions/sign-in.js';
import { AccessError, SlipwayError } from '../../core/errors.js';
import type { OAuthClient } from '../../core/people.js';
import type { Clock, Logger, Vault } from '../../core/ports.js';
import { privatePageHeaders } from '../panel/headers.js';
import { problemOf } from '../panel/problems.js';
import { renderView } from '../panel/views.js';
import { createCookieJar } from '../web/cookies.js';
import { handled } from '../web/handled.js';
import type { WebSessions } from '../web/sessions.js';
import { createPendingSignIns, type PendingSignIn } from './pending-sign-in.js';
import { localPath } from './return-to.js';

export interface OAuthDoorDeps {
  /** Null: no consumer is configured, and nobody can sign in. */
  oauth: Pick<OAuthClient, 'authorizeUrl'> | null;
  signIn(callback: { query: string; state: string; codeVerifier: string }): Promise<SignedIn>;
  sessions: WebSessions;
  vault: Vault;
  clock: Clock;
  baseUrl: string;
  logger: Logger;
}

/**
 * `GET /oauth/start?returnTo=/path` leaves for Bitbucket, `GET /oauth/callback` comes back, `POST /oauth/sign-out` (field
 * `csrf`) ends the session, `GET /oauth/signed-out` says so.
 */
export function createOAuthRouter(deps: OAuthDoorDeps): Router {
  const router = Router();
  const cookies = createCookieJar(deps.baseUrl);
  const pending = createPendingSignIns({ ...deps, cookies });
  router.use('/oauth', privatePageHeaders({ frameAncestors: [] }));
  router.get('/oauth/start', start(deps, pending));
  router.get('/oauth/callback', callback(deps, pending));
  router.post(
    '/oauth/sign-out',
    express.urlencoded({ extended: false, limit: '10kb' }),
    deps.sessions.load,
    deps.sessions.checkCsrf,
    handled(async (request, response) => {
      await deps.sessions.end(request, response);
      response.redirect(303, '/oauth/signed-out');
    }),
  );
  router.get(
    '/oauth/signed-out',
    handled((_request, response) => message(response, 200, signedOut)),
  );
  return router;
}

type Pending = ReturnType<typeof createPendingSignIns>;

function start({ oauth }: OAuthDoorDeps, pending: Pending): RequestHandler {
  return handled(async (request, response) => {
    if (!oauth) throw new AccessError('oauth_off', 404);
    const { state, codeVerifier } = pending.begin(response, localPath(request.query['returnTo']));
    response.redirect(303, await oauth.authorizeUrl({ state, codeVerifier }));
  });
}

function callback(deps: OAuthDoorDeps, pending: Pending): RequestHandler {
  return handled(async (request, response) => {
    let signInPath = '/oauth/start';
    try {
      if (!deps.oauth) throw new AccessError('oauth_off', 404);
      const begun = pending.take(request, response);
      signInPath = again(begun);
      const query = request.originalUrl.split('?').slice(1).join('?');
      const user = await deps.signIn({ query, ...begun });
      await deps.sessions.begin(request, response, user);
      deps.logger.info({ user: user.userUuid }, 'oauth.signed_in');
      response.redirect(303, begun.returnTo);
    } catch (error) {
      await refused(request, response, error, signInPath, deps.logger);
    }
  });
}

function again({ returnTo }: PendingSignIn): string {
  return `/oauth/start?${new URLSearchParams({ returnTo }).toString()}`;
}

/** A page that says what went wrong and has one button: the way back in. */
async function refused(
  request: Request,
  response: Response,
  error: unknown,
  signInPath: string,
  logger: Logger,
): Promise<void> {
  const { status, says, advice, isOurs } = problemOf(error);
  const code = error instanceof SlipwayError ? error.code : 'unexpected';
  logger[isOurs ? 'error' : 'info']({ code, path: request.path, err: error }, 'oauth.refused');
  await message(response, status, { says, advice, signInPath });
}

const signedOut = {
  says: 'You are signed out',
  advice: 'Deploys go on as before: they do not depend on anybody being signed in.',
  signInPath: '/oauth/start',
};

async function message(
  response: Response,
  status: number,
  view: { says: string; advice: string; signInPath: string },
): Promise<void> {
  const html = await renderView(response, 'oauth/message', { title: view.says, ...view }, 'plain');
  response.status(status).type('html').send(html);
}
