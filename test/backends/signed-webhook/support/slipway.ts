import { createHash, createSecretKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { latestReport, noteReport } from '../../../../src/actions/backend-reports.js';
import {
  issueCloneCredential,
  IssuedCredentials,
  offerCloneCredential,
} from '../../../../src/actions/issue-clone-credential.js';
import { receiveCallback } from '../../../../src/actions/receive-callback.js';
import {
  createSignedWebhookBackend,
  signingSecrets,
} from '../../../../src/backends/signed-webhook/index.js';
import type { Backend } from '../../../../src/core/backend.js';
import { createBackendApi } from '../../../../src/doors/api/backend-api.js';
import { createGuardedHttp } from '../../../../src/lib/guarded-http.js';
import { createEngine } from '../../../support/engine.js';
import { silentLogger } from '../../../support/silent-logger.js';

/**
 * The domain with this backend and its API door on a real port. The engine knows the backend as `fake`; its clock is moved to
 * now, since receivers compare timestamps with their own.
 */
export async function openSlipway() {
  const options: { backend?: Backend } = {};
  const engine = await createEngine(options);
  engine.clock.advance(Date.now() - engine.clock.now());
  const { storage } = engine;
  const deps = {
    storage,
    vault: engine.vault,
    clock: engine.clock.now,
    tokenKeys: [createSecretKey(randomBytes(32))] as const,
    issued: new IssuedCredentials(),
    bitbucket: engine.bitbucket,
    signingSecrets: (_backend: string, secrets: Readonly<Record<string, unknown>>) =>
      signingSecrets(secrets),
  };
  const logger = silentLogger();
  const tokens: string[] = [];
  const waiting: (() => void)[] = [];
  const api = createBackendApi({
    receiveCallback: (call) => receiveCallback(call, deps),
    issueCredential: (call) => issueCloneCredential(call, deps),
    waker: { wake: () => waiting.splice(0).forEach((resolve) => resolve()) },
    logger,
  });
  const server = http.createServer(express().use(api)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const guarded = createGuardedHttp({
    allowPrivate: false,
    allowPlainHttp: true,
    userAgent: 'Slipway/1',
    timeoutMs: 5_000,
  });
  options.backend = createSignedWebhookBackend({
    http: guarded,
    baseUrl,
    reports: {
      latest: (id) => latestReport(id, deps),
      note: (id, observation) => noteReport(id, observation, deps),
    },
    offerCredential: (deploymentId, fencing) => {
      const token = offerCloneCredential({ deploymentId, fencing }, deps.tokenKeys[0]);
      tokens.push(token);
      return Promise.resolve(token);
    },
    newId: () => engine.ids.next(),
    clock: engine.clock.now,
  });
  return {
    engine,
    baseUrl,
    deps,
    logger,
    report: (deploymentId: string) => storage.read.backendReports.ofDeployment(deploymentId),
    /** When each of the offered clone credentials was used, in order; null: not yet. */
    grantsUsedAt: () =>
      Promise.all(
        tokens.map((token) => {
          const digest = createHash('sha256').update(token).digest('hex');
          return storage.read.cloneGrants.usedAt(digest);
        }),
      ),
    /** Resolves when the API has taken the next report. */
    nextReport: () => new Promise<void>((resolve) => waiting.push(resolve)),
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      guarded.close();
      await engine.close();
    },
  };
}

export type TestSlipway = Awaited<ReturnType<typeof openSlipway>>;
