import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { AccessError } from '../../core/errors.js';
import type { Logger } from '../../core/ports.js';
import { sameUuid } from '../../lib/same-uuid.js';
import type { PanelIdentity, WorkspaceIdentity } from '../panel/identity.js';
import type { Ace } from './ace.js';
import { handled } from '../web/handled.js';
import { checkAceAgrees, prepareForAce, signedRequest, type Verified } from './hand-to-ace.js';
import type { ConnectVerifier } from './verify.js';

export interface ConnectPanelAuthDeps {
  verifier: ConnectVerifier;
  ace: Pick<Ace, 'authenticate'>;
  logger: Logger;
}

/**
 * What the address of a page must name. Of a workspace's page there is no repository; who looks at the overview does not matter,
 * and at a public repository's it may be nobody known.
 */
const facts = {
  overview: ['workspaceUuid', 'repoUuid'],
  repository: ['workspaceUuid', 'repoUuid', 'userUuid'],
  workspace: ['workspaceUuid', 'userUuid'],
} as const;
type Fact = (typeof facts)['repository'][number];

/**
 * For GET pages that Bitbucket loads with `?jwt=`: our verifier, then ACE, then a `PanelIdentity` (or `WorkspaceIdentity`) in
 * `res.locals.panel`. The signature covers the query, and Bitbucket shows both pages to admins only, the overview to all who can
 * read the repository. A request that does not
 * pass goes to `next` as AccessError `token_invalid`; an address that Bitbucket left unfilled is answered here.
 */
export function connectPanelAuth(
  deps: ConnectPanelAuthDeps,
  page: keyof typeof facts = 'repository',
): RequestHandler[] {
  /** Kept apart from `response.locals`, which ACE replaces by a copy full of its own words (`title`, `token` …). */
  const underWay = new WeakMap<Request, { verified: Verified; locals: Response['locals'] }>();
  return [
    handled(async (request, response, next) => {
      const verified = await deps.verifier.active(signedRequest(request));
      if (!verified.ok) {
        deps.logger.warn({ why: verified.why }, 'panel.refused');
        throw new AccessError('token_invalid', 401);
      }
      underWay.set(request, { verified, locals: response.locals });
      prepareForAce(request, verified);
      next();
    }),
    deps.ace.authenticate,
    handled((request, response, next) => {
      const kept = underWay.get(request);
      if (!kept) throw new AccessError('token_invalid', 401);
      checkAceAgrees(request, response, kept.verified.tenant.installation.externalId);
      response.locals = kept.locals;
      leaveFacts(request, response, next, kept.verified, page);
    }),
  ];
}

function leaveFacts(
  request: Request,
  response: Response,
  next: NextFunction,
  { tenant: { installation } }: Verified,
  page: keyof typeof facts,
): void {
  const wanted: readonly Fact[] = facts[page];
  const query = new URLSearchParams(request.originalUrl.split('?').slice(1).join('?'));
  const unfilled = wanted.filter((name) => !isUuid(query.getAll(name)));
  if (unfilled.length > 0) {
    response.status(422).type('html').send(unfilledPage(unfilled));
    return;
  }
  const found = (name: Fact): string => query.get(name) ?? '';
  // Bitbucket would not sign this; a template of ours that mixes up its variables might.
  if (!sameUuid(found('workspaceUuid'), installation.workspaceUuid)) {
    throw new AccessError('token_invalid', 401, 'the page is of another workspace');
  }
  const { workspaceUuid } = installation;
  const who = page === 'overview' ? reader : adminOf(found('userUuid'));
  const workspace: WorkspaceIdentity = { door: 'connect', workspaceUuid, ...who };
  const repository: PanelIdentity = { ...workspace, repoUuid: found('repoUuid') };
  response.locals['panel'] = page === 'workspace' ? workspace : repository;
  next();
}

type Who = Pick<WorkspaceIdentity, 'userUuid' | 'userName' | 'proof'>;

const reader: Who = { userUuid: 'reader', userName: 'A reader', proof: 'reader_page' };

function adminOf(userUuid: string): Who {
  return { userUuid, userName: null, proof: 'admin_page' };
}

/**
 * Exactly one, and a uuid. Without the scope for it Bitbucket leaves `{user.uuid}` as it stands
 * (reference/bitbucket-connect.md §2.4), and a uuid has braces too, so a look for `{` alone would not do.
 */
function isUuid(values: readonly string[]): boolean {
  return (
    values.length === 1 && /^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i.test(values[0] ?? '')
  );
}

/** Holds no value of the request, only names from our own list. */
function unfilledPage(names: readonly string[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Slipway</title>
<h1>Bitbucket did not say which page this is</h1>
<p>It left ${names.join(' and ')} out of the address of this page. That happens when the app was not granted the scopes
<code>account</code> and <code>repository</code>.</p>
<p>A workspace admin can remove Slipway in Workspace settings → Installed apps and install it again.</p></html>`;
}
