import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { AccessError } from '../../core/errors.js';
import type { Installation } from '../../core/model/index.js';
import type { Logger } from '../../core/ports.js';
import type { Ace } from './ace.js';
import { handled } from '../web/handled.js';
import { checkAceAgrees, prepareForAce, signedRequest, type Verified } from './hand-to-ace.js';
import type { ConnectVerifier } from './verify.js';

/** What a page in Bitbucket's iframe knows for certain: the signature covers the query. In `res.locals.connect`. */
export interface ConnectPanelLocals {
  clientKey: string;
  installation: Installation;
  workspaceUuid: string;
  repoUuid: string;
  userUuid: string;
}

export interface ConnectPanelAuthDeps {
  verifier: ConnectVerifier;
  ace: Pick<Ace, 'authenticate'>;
  logger: Logger;
}

const facts = ['workspaceUuid', 'repoUuid', 'userUuid'] as const;
type Facts = Record<(typeof facts)[number], string>;

/**
 * For GET pages that Bitbucket loads with `?jwt=`: our verifier, then ACE, then `res.locals.connect`. A request that does
 * not pass goes to `next` as AccessError `token_invalid`; an address that Bitbucket left unfilled is answered here.
 */
export function connectPanelAuth(deps: ConnectPanelAuthDeps): RequestHandler[] {
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
      leaveFacts(request, response, next, kept.verified);
    }),
  ];
}

function leaveFacts(
  request: Request,
  response: Response,
  next: NextFunction,
  { tenant: { installation } }: Verified,
): void {
  const query = new URLSearchParams(request.originalUrl.split('?').slice(1).join('?'));
  const unfilled = facts.filter((name) => !isUuid(query.getAll(name)));
  if (unfilled.length > 0) {
    response.status(422).type('html').send(unfilledPage(unfilled));
    return;
  }
  const found = Object.fromEntries(facts.map((name) => [name, query.get(name)])) as Facts;
  // Bitbucket would not sign this; a template of ours that mixes up its variables might.
  if (bare(found.workspaceUuid) !== bare(installation.workspaceUuid)) {
    throw new AccessError('token_invalid', 401, 'the page is of another workspace');
  }
  const clientKey = installation.externalId;
  const { workspaceUuid } = installation;
  const locals: ConnectPanelLocals = { ...found, clientKey, installation, workspaceUuid };
  response.locals['connect'] = locals;
  next();
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

function bare(uuid: string): string {
  return uuid.replace(/[{}]/g, '').toLowerCase();
}

/** Holds no value of the request, only names from our own list. */
function unfilledPage(names: readonly string[]): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Slipway</title>
<h1>Bitbucket did not say which page this is</h1>
<p>It left ${names.join(' and ')} out of the address of this page. That happens when the app was not granted the scopes
<code>account</code> and <code>repository</code>.</p>
<p>A workspace admin can remove Slipway in Workspace settings → Installed apps and install it again.</p></html>`;
}
