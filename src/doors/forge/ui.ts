import express, { Router, type Request, type Response } from 'express';
import { z } from 'zod';
import type { ViewerFacts } from '../../bitbucket/forge-checks.js';
import { AccessError, BitbucketError, InputError } from '../../core/errors.js';
import type { RepositoryPermission, WorkspacePermission } from '../../core/ports.js';
import { activityWish } from '../panel/activity-wish.js';
import { readFields } from '../panel/answer.js';
import { answerCall, isForAdmins, refusal, type CallDeps } from '../panel/calls.js';
import type { Answer } from '../panel/context.js';
import { etagOf } from '../panel/etag.js';
import { formFields, type FormFields } from '../panel/form-fields.js';
import type { PanelIdentity, WorkspaceIdentity } from '../panel/identity.js';
import { loadPanel } from '../panel/page.js';
import { renderView } from '../panel/views.js';
import { handled } from '../web/handled.js';
import {
  answerWorkspaceCall,
  openWorkspaceSession,
  type WorkspaceCallDeps,
} from '../workspace/calls.js';
import { loadWorkspacePage } from '../workspace/router.js';
import type { ForgeCalls } from './calls.js';
import type { ForgeCaller } from './claims.js';

export interface ForgeUiDeps {
  calls: ForgeCalls;
  panel: CallDeps;
  workspace: WorkspaceCallDeps;
  /** What the viewer may do in a repository, asked with their own token; cached. */
  viewer(asked: ViewerQuestion & { repositoryUuid: string }): Promise<ViewerFacts>;
  /** The same for the workspace. */
  member(asked: ViewerQuestion): Promise<MemberFacts>;
}

export interface ViewerQuestion {
  accountId: string;
  workspaceUuid: string;
  /** Null: Forge brought none, so nothing can be asked. */
  userToken: string | null;
}

export interface MemberFacts {
  permission: WorkspacePermission;
  uuid: string | null;
  name: string | null;
}

/** What the page's script sends: `page`, or a call that the panel in other frames makes by itself. */
const wish = z.object({
  method: z.enum(['GET', 'POST']),
  path: z.string().max(2_000),
  fields: z.array(z.tuple([z.string(), z.string()])).optional(),
  etag: z.string().nullish(),
});

type Wish = z.infer<typeof wish>;

/** 500 kB is what Forge lets pass. */
const parsers = [express.json({ limit: '500kb' })];

/**
 * `POST /forge/ui`: the panel inside Forge. A page's script sends what it wants through `invokeRemote` and gets `{status, etag,
 * html}` back, always with 200: HTML has to travel inside JSON, and 401 means something else there
 * (reference/bitbucket-forge.md §3.5, §6.2). Who looks at which repository is taken from the invocation token, never from the
 * body; no cookie is involved, so there is nothing to forge.
 */
export function createForgeUi(deps: ForgeUiDeps): Router {
  const router = Router();
  router.post(
    '/forge/ui',
    handled(async (request, response) => {
      const call = await deps.calls.take(request.headers, 'page');
      if (!call.ok) {
        // Forge shows its own words for what is no JSON.
        const status = call.answer === 204 ? 403 : call.answer;
        response.status(status).json({ error: call.why });
        return;
      }
      const answer = await answered(deps, call.caller, call.userToken, request, response);
      response.set('Cache-Control', 'no-store').json(answer);
    }),
  );
  return router;
}

interface UiAnswer {
  status: number;
  etag: string | null;
  html: string;
  /** Clock of the server, for "3 minutes ago". */
  now: number;
}

async function answered(
  deps: ForgeUiDeps,
  caller: ForgeCaller,
  userToken: string | null,
  request: Request,
  response: Response,
): Promise<UiAnswer> {
  let answer: Answer;
  let etag: string | null | undefined = null;
  try {
    await readFields(request, response, parsers);
    const asked = wish.safeParse(request.body);
    if (!asked.success) throw new InputError('body_unreadable', 'not what the page sends');
    ({ etag } = asked.data);
    answer = await carryOut(deps, caller, userToken, asked.data);
  } catch (error) {
    answer = refusal(deps.panel.services, error);
  }
  const html = await renderView(response, answer.view, answer.data);
  const now = deps.panel.clock();
  const tag = answer.status === 200 ? etagOf(html) : null;
  if (tag !== null && tag === etag) return { status: 304, etag: tag, html: '', now };
  return { status: answer.status, etag: tag, html, now };
}

async function carryOut(
  deps: ForgeUiDeps,
  caller: ForgeCaller,
  userToken: string | null,
  asked: Wish,
): Promise<Answer> {
  const { accountId, workspaceUuid, repositoryUuid } = caller;
  // Triggers have no viewer, and their tokens must not open a page.
  if (accountId === null) throw new AccessError('token_invalid', 403);
  const question = { accountId, workspaceUuid, userToken };
  if (repositoryUuid === null) return workspaceAnswer(deps, question, asked);
  const asking = { ...question, repositoryUuid };
  const isReadOnlyPage = caller.page === 'bitbucket:repoMainMenuPage';
  return repositoryAnswer(deps, asking, await viewerOf(deps, asking), isReadOnlyPage, asked);
}

/** What is known of somebody when Bitbucket does not answer. */
const unanswered = { uuid: null, name: null };

interface Viewer extends Omit<ViewerFacts, 'permission'> {
  /** Rejects when Bitbucket did not answer: who asks shows the page to read, and says why. */
  permission: () => Promise<RepositoryPermission>;
}

async function viewerOf(
  deps: ForgeUiDeps,
  question: ViewerQuestion & { repositoryUuid: string },
): Promise<Viewer> {
  try {
    const { permission, ...who } = await deps.viewer(question);
    if (permission === 'none') throw new AccessError('repository_unknown', 404);
    return { ...who, permission: () => Promise.resolve(permission) };
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    return { ...unanswered, permission: () => Promise.reject(error) };
  }
}

async function repositoryAnswer(
  deps: ForgeUiDeps,
  { accountId, workspaceUuid, repositoryUuid }: ViewerQuestion & { repositoryUuid: string },
  viewer: Viewer,
  isReadOnlyPage: boolean,
  asked: Wish,
): Promise<Answer> {
  const identity: PanelIdentity = {
    door: 'forge',
    workspaceUuid,
    repoUuid: repositoryUuid,
    userUuid: viewer.uuid ?? accountId,
    userName: viewer.name,
    // No document promises that only admins get a token for the settings page (§6.2): Bitbucket's answer counts.
    proof: 'none',
  };
  const permission = isReadOnlyPage ? () => Promise.resolve('read' as const) : viewer.permission;
  const panel: CallDeps = {
    ...deps.panel,
    services: {
      ...deps.panel.services,
      permission,
      personName: () => Promise.resolve(viewer.name),
    },
  };
  const [path = '', query = ''] = asked.path.split('?');
  if (path === 'page') {
    const { view } = await loadPanel(panel, identity, activityWish(queryFields(query)));
    const why = isReadOnlyPage && (await isAdmin(viewer)) ? whereToChange : null;
    const data = { ...view, ...(why === null ? {} : { whyReadOnly: why }) };
    return { status: 200, view: 'panel/repository', data };
  }
  const [, kind, name = ''] = /^\/panel\/(fragments|actions)\/(.+)$/.exec(path) ?? [];
  const isFragment = kind === 'fragments' && asked.method === 'GET';
  if (!isFragment && !(kind === 'actions' && asked.method === 'POST')) {
    throw new AccessError('call_unknown', 404);
  }
  // What needs an admin is not refused to one because Bitbucket is away: that is what the answer then says.
  if (!isFragment || isForAdmins(name)) await permission();
  const rights = (await isAdmin({ permission })) ? ('admin' as const) : ('read' as const);
  const session = { ...identity, userName: viewer.name ?? 'A repository admin', rights };
  return answerCall(panel, session, {
    kind: isFragment ? 'fragment' : 'action',
    name,
    fields: isFragment ? queryFields(query) : sentFields(asked),
  });
}

async function isAdmin({ permission }: Pick<Viewer, 'permission'>): Promise<boolean> {
  return permission().then(
    (answer) => answer === 'admin',
    () => false,
  );
}

const whereToChange = 'Targets are set up in Repository settings, under Slipway.';

interface Member extends Omit<MemberFacts, 'permission'> {
  /** As with a `Viewer`. */
  permission: () => Promise<WorkspacePermission>;
}

async function memberOf(deps: ForgeUiDeps, question: ViewerQuestion): Promise<Member> {
  try {
    const { permission, ...who } = await deps.member(question);
    return { ...who, permission: () => Promise.resolve(permission) };
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    return { ...unanswered, permission: () => Promise.reject(error) };
  }
}

async function workspaceAnswer(
  deps: ForgeUiDeps,
  question: ViewerQuestion,
  asked: Wish,
): Promise<Answer> {
  const member = await memberOf(deps, question);
  const identity: WorkspaceIdentity = {
    door: 'forge',
    workspaceUuid: question.workspaceUuid,
    userUuid: member.uuid ?? question.accountId,
    userName: member.name,
    proof: 'none',
  };
  const workspace: WorkspaceCallDeps = {
    ...deps.workspace,
    services: {
      ...deps.workspace.services,
      workspacePermission: member.permission,
      personName: () => Promise.resolve(member.name),
    },
  };
  const [path = '', query = ''] = asked.path.split('?');
  if (path === 'page') {
    const { view } = await loadWorkspacePage(workspace, identity);
    return { status: 200, view: 'workspace/page', data: view };
  }
  const { session } = await openWorkspaceSession(workspace, identity);
  const [, section] = /^\/panel\/workspace\/sections\/([^/]+)$/.exec(path) ?? [];
  if (section !== undefined && asked.method === 'GET') {
    const fields = queryFields(query);
    return answerWorkspaceCall(workspace, session, { kind: 'show', section, name: '', fields });
  }
  const [, key, name] = /^\/panel\/workspace\/actions\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  if (key === undefined || name === undefined || asked.method !== 'POST') {
    throw new AccessError('call_unknown', 404);
  }
  const fields = sentFields(asked);
  return answerWorkspaceCall(workspace, session, { kind: 'act', section: key, name, fields });
}

function queryFields(query: string): FormFields {
  return formFields(Object.fromEntries(new URLSearchParams(query)));
}

function sentFields({ fields = [] }: Wish): FormFields {
  return formFields(Object.fromEntries(fields));
}
