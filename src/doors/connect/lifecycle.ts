import express, { Router, type NextFunction, type Request, type Response } from 'express';
import { AccessError, BitbucketError, InputError, SlipwayError } from '../../core/errors.js';
import type { Logger } from '../../core/ports.js';
import type { InstallFacts, InstallProof } from '../../actions/install-app.js';
import type { Ace } from './ace.js';
import { handled } from '../web/handled.js';
import { checkAceAgrees, prepareForAce, signedRequest, type Verified } from './hand-to-ace.js';
import { readInstallBody, readUninstallBody, type InstallBody } from './install-body.js';
import { claimsToBeHs256, readToken } from './jwt.js';
import type { ConnectTenants } from './tenants.js';
import type { ConnectVerifier } from './verify.js';

/** What happens once a lifecycle call is believed as far as its proof goes; `actions/install-app` and `remove-app`. */
export interface ConnectLifecycle {
  /** Throws AccessError (nothing kept), BitbucketError (nothing trusted, may be tried again). */
  installed(facts: InstallFacts, proof: InstallProof): Promise<unknown>;
  uninstalled(clientKey: string): Promise<unknown>;
}

export interface LifecycleDeps {
  lifecycle: ConnectLifecycle;
  verifier: ConnectVerifier;
  tenants: ConnectTenants;
  ace: Pick<Ace, 'verifyInstallation'>;
  appKey: string;
  bitbucketUrl: string;
  /** Called after an installation changed, for caches elsewhere (tokens). */
  onChange?: (workspaceUuid: string) => void;
  logger: Logger;
}

/** Every unsigned call makes us call Bitbucket, so strangers get few at a time. */
const maxProofsAtOnce = 4;
const retryAfterSec = '5';

/** What one route hands to the next. */
interface InstallLocals {
  body: InstallBody;
  verified: Verified | null;
}

/**
 * `POST /connect/installed` and `/connect/uninstalled`. 204 done · 400 unreadable · 401 not proved, nothing changed ·
 * 503 cannot be judged or stored now (design.md §6.2; reference/bitbucket-connect.md §3).
 */
export function createLifecycleRouter(deps: LifecycleDeps): Router {
  const router = Router();
  const json = express.json({ limit: '64kb' });
  router.post(
    '/connect/installed',
    json,
    handled((request, response, next) => judgeInstall(request, response, next, deps)),
    deps.ace.verifyInstallation,
    handled(installOf(deps)),
  );
  router.post(
    '/connect/uninstalled',
    json,
    handled((request, response) => uninstall(request, response, deps)),
  );
  router.use('/connect', answerError(deps.logger));
  return router;
}

/** Our own judgement, before ACE sees anything. */
async function judgeInstall(
  request: Request,
  response: Response,
  next: NextFunction,
  deps: LifecycleDeps,
): Promise<void> {
  const body = readInstallBody(request.body, deps.appKey);
  const tenant = await deps.tenants.findAgain(body.clientKey);
  const isKnown = tenant !== null && tenant.installation.state !== 'unconfirmed';
  const verified = isKnown ? await signedBy(body.clientKey, request, deps) : null;
  if (!isKnown) refuseOddTokens(request);
  const locals: InstallLocals = { body, verified };
  response.locals['install'] = locals;
  const { clientKey, baseUrl } = body;
  prepareForAce(request, verified, { clientKey, baseUrl: baseUrl ?? deps.bitbucketUrl });
  next();
}

/** A client key that is or was in use: only its stored secret may speak for it. */
async function signedBy(
  clientKey: string,
  request: Request,
  deps: LifecycleDeps,
): Promise<Verified> {
  const result = await deps.verifier.known(signedRequest(request));
  if (!result.ok) throw new AccessError('token_invalid', 401, result.why);
  if (result.tenant.installation.externalId !== clientKey) {
    throw new AccessError('token_invalid', 401, 'signed by another installation');
  }
  return result;
}

/**
 * A client key we never saw. Bitbucket signs even this call when the app was installed here before our data was lost;
 * that signature says nothing to us, and the proof at Bitbucket decides as for an unsigned one. Anything but HS256 is
 * not Bitbucket's (§3.4).
 */
function refuseOddTokens(request: Request): void {
  const carried = readToken(signedRequest(request));
  if (!carried.ok) throw new AccessError('token_invalid', 401, carried.why);
  if (carried.token !== null && !claimsToBeHs256(carried.token)) {
    throw new AccessError('token_invalid', 401, 'not HS256');
  }
}

function installOf(deps: LifecycleDeps) {
  let proving = 0;
  return async (request: Request, response: Response): Promise<void> => {
    const { body, verified } = response.locals['install'] as InstallLocals;
    const { baseUrl: _baseUrl, ...facts } = body;
    if (verified) checkAceAgrees(request, response, facts.clientKey);
    const proof: InstallProof = verified ? 'signed' : 'unsigned';
    const cost = proof === 'unsigned' ? 1 : 0;
    if (proving + cost > maxProofsAtOnce) return tryLater(response);
    proving += cost;
    try {
      await deps.lifecycle.installed(facts, proof);
      changed(facts, deps);
    } catch (error) {
      // Strangers must not be able to empty caches; after trouble of our own the write may still have happened.
      if (!isRefusal(error)) changed(facts, deps);
      throw error;
    } finally {
      proving -= cost;
    }
    const { clientKey, workspaceUuid } = facts;
    deps.logger.info({ clientKey, workspaceUuid, proof }, 'connect.installed');
    response.status(204).end();
  };
}

function changed(
  { clientKey, workspaceUuid }: Pick<InstallFacts, 'clientKey' | 'workspaceUuid'>,
  deps: LifecycleDeps,
): void {
  deps.tenants.forget(clientKey);
  deps.onChange?.(workspaceUuid);
}

function isRefusal(error: unknown): boolean {
  return error instanceof AccessError || error instanceof BitbucketError;
}

/** Signed only: Bitbucket signs it with the secret it handed over last (§3.4). */
async function uninstall(request: Request, response: Response, deps: LifecycleDeps): Promise<void> {
  const { clientKey } = readUninstallBody(request.body);
  const { tenant } = await signedBy(clientKey, request, deps);
  try {
    await deps.lifecycle.uninstalled(clientKey);
  } finally {
    changed({ clientKey, workspaceUuid: tenant.installation.workspaceUuid }, deps);
  }
  deps.logger.info({ clientKey }, 'connect.uninstalled');
  response.status(204).end();
}

function tryLater(response: Response): void {
  response.setHeader('Retry-After', retryAfterSec);
  response.status(503).end();
}

/** Bare statuses: the caller is a machine, and who may not know learns nothing. */
function answerError(logger: Logger) {
  return (error: unknown, _request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) return next(error);
    const code = error instanceof SlipwayError ? error.code : 'internal';
    const message = error instanceof SlipwayError ? error.message : undefined;
    logger.warn({ code, says: message }, 'connect.lifecycle_refused');
    if (error instanceof AccessError) return void response.status(401).end();
    if (error instanceof InputError || isBodyError(error)) return void response.status(400).end();
    if (error instanceof BitbucketError) return tryLater(response);
    if (error instanceof SlipwayError && error.httpStatus === 503) return tryLater(response);
    next(error);
  };
}

/** express.json's own errors: not JSON, too large, odd encoding. */
function isBodyError(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500;
}
