import express, { Router, type ErrorRequestHandler, type Request, type Response } from 'express';
import type { CredentialResult } from '../../actions/issue-clone-credential.js';
import type { CallbackResult } from '../../actions/receive-callback.js';
import type { SignedCall } from '../../actions/verify-signed-call.js';
import { BitbucketError, SlipwayError } from '../../core/errors.js';
import type { Logger, Waker } from '../../core/ports.js';

export interface BackendApiDeps {
  receiveCallback(call: SignedCall): Promise<CallbackResult>;
  issueCredential(call: SignedCall): Promise<CredentialResult>;
  waker: Waker;
  logger: Logger;
}

/** Reports and requests are small; a message is cut to a line anyway. */
const maxBodyBytes = 64 * 1024;
const retryAfterSec = 5;
/** JavaScript's last date; a credential without an end says so in its own way. */
const lastDate = 8.64e15;

/**
 * What the receivers of backends call, signed with their target's secret (Standard Webhooks): reports on a deployment, and the
 * one clone credential that each request offers. An unknown deployment is answered like a wrong signature.
 */
export function createBackendApi(deps: BackendApiDeps): Router {
  const router = Router();
  // Inflating is refused: the signature covers the bytes as sent.
  const rawBody = express.raw({ type: () => true, limit: maxBodyBytes, inflate: false });
  const route = (answer: (call: SignedCall, response: Response) => Promise<void>) =>
    [
      rawBody,
      (request: Request, response: Response, next: (error: unknown) => void) => {
        response.setHeader('Cache-Control', 'no-store');
        answer(signedCall(request), response).catch(next);
      },
    ] as const;
  router.post(
    '/api/deployments/:id/events',
    ...route((call, response) => takeReport(call, response, deps)),
  );
  router.post(
    '/api/deployments/:id/credential',
    ...route((call, response) => giveCredential(call, response, deps)),
  );
  router.use('/api/deployments', errorAnswer(deps));
  return router;
}

function signedCall(request: Request): SignedCall {
  const body: unknown = request.body;
  return {
    deploymentId: String(request.params['id']),
    headers: request.headers,
    // Without a body Express leaves an empty object.
    body: Buffer.isBuffer(body) ? body : Buffer.alloc(0),
  };
}

async function takeReport(
  call: SignedCall,
  response: Response,
  deps: BackendApiDeps,
): Promise<void> {
  const result = await deps.receiveCallback(call);
  const log = { deployment: shownId(call), ...withoutMessage(result) };
  switch (result.kind) {
    case 'taken':
      deps.waker.wake();
      deps.logger.info(log, 'callback.received');
      response.status(204).end();
      return;
    case 'ignored':
      deps.logger.info(log, 'callback.received');
      response.status(204).end();
      return;
    case 'refused':
      deps.logger.warn(log, 'callback.refused');
      refuse(response);
      return;
    case 'unreadable':
      deps.logger.warn(log, 'callback.refused');
      fail(response, 400, 'body_unreadable', result.message);
  }
}

async function giveCredential(
  call: SignedCall,
  response: Response,
  deps: BackendApiDeps,
): Promise<void> {
  const result = await deps.issueCredential(call);
  const log = { deployment: shownId(call), kind: result.kind };
  switch (result.kind) {
    case 'issued': {
      const { username, password, cloneUrl, expiresAt } = result.credential;
      deps.logger.info(log, 'credential.issued');
      response.json({
        username,
        password,
        clone_url: cloneUrl,
        expires_at: new Date(Math.min(expiresAt, lastDate)).toISOString(),
      });
      return;
    }
    case 'gone':
      deps.logger.info({ ...log, noop: result.why }, 'credential.refused');
      fail(response, 410, 'credential_gone', result.message);
      return;
    case 'refused':
      deps.logger.warn({ ...log, why: result.why }, 'credential.refused');
      refuse(response);
      return;
    case 'unreadable':
      deps.logger.warn(log, 'credential.refused');
      fail(response, 400, 'body_unreadable', result.message);
  }
}

/** The same for whatever does not verify, so that nobody can find out which deployments there are. */
function refuse(response: Response): void {
  fail(response, 401, 'not_verified', 'The request is not signed as it should be.');
}

/** A stranger's address may be long. */
function shownId({ deploymentId }: SignedCall): string {
  return deploymentId.slice(0, 64);
}

function withoutMessage(result: CallbackResult): object {
  return result.kind === 'unreadable' ? { kind: result.kind } : result;
}

function fail(response: Response, status: number, code: string, message: string): void {
  response.status(status).json({ error: { code, message } });
}

function errorAnswer({ logger }: BackendApiDeps): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    response.setHeader('Cache-Control', 'no-store');
    if (error instanceof SlipwayError) {
      const isPassing = error.httpStatus >= 500;
      logger.warn({ code: error.code, err: error }, 'api.trouble');
      if (isPassing) response.setHeader('Retry-After', String(waitSec(error)));
      // Its own text may name hosts and statuses that are no business of the receiver.
      fail(response, isPassing ? 503 : 410, error.code, error.advice);
      return;
    }
    const status = bodyProblem(error);
    if (status !== null) {
      logger.warn({ status }, 'api.body_refused');
      fail(response, status, 'body_unreadable', bodyWords[status] ?? 'The body cannot be read.');
      return;
    }
    logger.error({ path: request.path, err: error }, 'api.failed');
    response.setHeader('Retry-After', String(retryAfterSec));
    fail(response, 503, 'internal', 'Slipway had trouble of its own; try again.');
  };
}

function waitSec(error: SlipwayError): number {
  const waitMs = error instanceof BitbucketError ? error.retryAfterMs : null;
  return waitMs === null ? retryAfterSec : Math.max(1, Math.ceil(waitMs / 1000));
}

const bodyWords: Readonly<Record<number, string>> = {
  413: 'The body is larger than 64 KiB.',
  415: 'Send the body as it is, without a content encoding.',
};

/** What Express's body reader says by the status on its errors; null when it is none of those. */
function bodyProblem(error: unknown): number | null {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : null;
}
