import type { KeyObject } from 'node:crypto';
import { latestReport, noteReport } from '../actions/backend-reports.js';
import {
  issueCloneCredential,
  IssuedCredentials,
  offerCloneCredential,
} from '../actions/issue-clone-credential.js';
import { receiveCallback } from '../actions/receive-callback.js';
import { callbackSecrets, type BackendOptions } from '../backends/registry.js';
import type { Config } from '../config/config.js';
import type { Bitbucket, Clock, Ids, Storage, Vault } from '../core/ports.js';
import type { BackendApiDeps } from '../doors/api/backend-api.js';
import { createGuardedHttp } from '../lib/guarded-http.js';
import type { OutboundHttp } from '../lib/outbound-http.js';

/** What backends with receivers of their own need, and the API that those receivers call. */
export interface ReceiverParts {
  http: OutboundHttp;
  options: Pick<BackendOptions, 'http' | 'reports' | 'offerCredential' | 'newId'>;
  api: Pick<BackendApiDeps, 'receiveCallback' | 'issueCredential'>;
}

export function createReceiverParts(basics: {
  config: Readonly<Config>;
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  bitbucket: Bitbucket;
  tokenKeys: readonly [KeyObject, ...KeyObject[]];
}): ReceiverParts {
  const { config, ids } = basics;
  const issued = new IssuedCredentials();
  const deps = { ...basics, issued, signingSecrets: callbackSecrets };
  const http = createGuardedHttp({
    allowPrivate: config.allowPrivateTargets,
    allowPlainHttp: config.bitbucketIsLoopback,
    userAgent: 'Slipway/1',
  });
  return {
    http,
    options: {
      http,
      reports: {
        latest: (deploymentId) => latestReport(deploymentId, deps),
        note: (deploymentId, observation) => noteReport(deploymentId, observation, deps),
      },
      offerCredential: (deploymentId, fencing) =>
        Promise.resolve(offerCloneCredential({ deploymentId, fencing }, basics.tokenKeys[0])),
      newId: () => ids.next(),
    },
    api: {
      receiveCallback: (call) => receiveCallback(call, deps),
      issueCredential: (call) => issueCloneCredential(call, deps),
    },
  };
}
