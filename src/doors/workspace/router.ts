import { Router, type Request, type RequestHandler, type Response } from 'express';
import { AccessError } from '../../core/errors.js';
import { bearerSession, bearerToken, readFields, sendAnswer } from '../panel/answer.js';
import { refusal } from '../panel/calls.js';
import type { Answer } from '../panel/context.js';
import { trimPlaces } from '../panel/deps.js';
import { formFields } from '../panel/form-fields.js';
import { panelHeaders } from '../panel/headers.js';
import { workspaceIdentity, type WorkspaceIdentity } from '../panel/identity.js';
import { bareFrame } from '../panel/page.js';
import { renewAfterUse, renewedWorkspaceSession } from '../panel/renewal.js';
import { bodyParsers, withSession } from '../panel/router.js';
import { createWorkspaceTokens, type OwnKeys, type WorkspaceSession } from '../panel/session.js';
import { renderView } from '../panel/views.js';
import {
  answerWorkspaceCall,
  contextOf,
  loadSections,
  openWorkspaceSession,
  type WorkspaceCall,
  type WorkspaceCallDeps,
} from './calls.js';

export interface WorkspacePageDeps extends WorkspaceCallDeps {
  sessionKeys: OwnKeys;
  /** Lets only a fresh iframe JWT through and leaves a `WorkspaceIdentity` in `res.locals.panel`. */
  authenticate: RequestHandler[];
}

/**
 * `GET /panel/workspace`: the page behind *Configure* in a workspace's list of apps. Its calls: `GET
 * /panel/workspace/sections/<key>` and `POST /panel/workspace/actions/<key>/<name>`, with the page's session as bearer token; any
 * answer may bring the next one (`X-Slipway-Session`), and `GET /panel/workspace/alive` is asked for nothing else.
 */
export function createWorkspaceRouter(deps: WorkspacePageDeps): Router {
  const router = Router();
  const tokens = createWorkspaceTokens(deps.sessionKeys, deps.clock);
  const places = trimPlaces(deps);
  router.use('/panel/workspace', panelHeaders(places.bitbucketUrl));
  router.get('/panel/workspace', ...deps.authenticate, (_req, res, next) => {
    const show = async (): Promise<void> => {
      const identity = workspaceIdentity.safeParse(res.locals['panel']);
      if (!identity.success) throw new AccessError('token_invalid', 401);
      const { session, view } = await loadWorkspacePage(deps, identity.data);
      const frame = {
        ...bareFrame,
        sessionToken: tokens.issue(session),
        connectScript: `${places.bitbucketUrl}/atlassian-connect/all.js`,
      };
      const page = { ...view, ...frame, alive };
      res.type('html').send(await renderView(res, 'workspace/page', page, 'panel'));
    };
    show().catch(next);
  });
  const sessionOf = (req: Request) => Promise.resolve(bearerSession(req, tokens));
  const renewed = async (req: Request, session: WorkspaceSession): Promise<string | null> => {
    if (tokens.used(bearerToken(req)) < renewAfterUse) return null;
    const next = await renewedWorkspaceSession(deps, session);
    return next && tokens.issue(next);
  };
  router.use(workspaceCalls(deps, sessionOf, renewed));
  return router;
}

export async function loadWorkspacePage(
  deps: WorkspaceCallDeps,
  identity: WorkspaceIdentity,
): Promise<{ session: WorkspaceSession; view: object }> {
  const { session, why } = await openWorkspaceSession(deps, identity);
  const context = await contextOf(deps, session);
  const view = {
    title: 'Slipway',
    alive: null,
    now: context.now,
    workspaceUuid: context.workspace.uuid,
    workspaceName: context.workspace.name ?? context.workspace.slug ?? 'this workspace',
    whyReadOnly: why,
    sections: await loadSections(deps, context),
  };
  return { session, view };
}

/** Often enough that a session in use never ends; nothing on the page changes by it. */
const alive = { path: '/panel/workspace/alive', every: 4 * 60_000 };
const stillThere: Answer = { status: 200, view: 'workspace/alive', data: { alive } };

/** `sessionOf` throws when the request is nobody's; it is asked before a body is read. */
export function workspaceCalls(
  deps: WorkspaceCallDeps,
  sessionOf: (req: Request, res: Response) => Promise<WorkspaceSession>,
  renewed: (req: Request, session: WorkspaceSession) => Promise<string | null> = () =>
    Promise.resolve(null),
): Router {
  const router = Router({ mergeParams: true });
  const answering =
    (callOf: (req: Request, res: Response) => Promise<WorkspaceCall | null>): RequestHandler =>
    (req, res, next) => {
      const work = async (): Promise<Answer> => {
        try {
          const session = await sessionOf(req, res);
          const call = await callOf(req, res);
          const [answer, token] = await Promise.all([
            call === null ? stillThere : answerWorkspaceCall(deps, session, call),
            renewed(req, session),
          ]);
          return token === null ? answer : withSession(answer, token);
        } catch (error) {
          return refusal(deps, error);
        }
      };
      work()
        .then((answer) => sendAnswer(req, res, answer))
        .catch(next);
    };
  router.get(
    alive.path,
    answering(() => Promise.resolve(null)),
  );
  router.get(
    '/panel/workspace/sections/:section',
    answering((req) =>
      Promise.resolve({
        kind: 'show',
        section: String(req.params['section']),
        name: '',
        fields: formFields(req.query),
      }),
    ),
  );
  router.post(
    '/panel/workspace/actions/:section/:name',
    answering(async (req, res) => ({
      kind: 'act',
      section: String(req.params['section']),
      name: String(req.params['name']),
      fields: await readFields(req, res, bodyParsers),
    })),
  );
  return router;
}
