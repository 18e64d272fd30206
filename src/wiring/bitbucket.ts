import { findActiveConnectInstallation } from '../actions/installation-secret.js';
import { createAppTokens, type AppTokens } from '../bitbucket/app-tokens.js';
import { createBitbucket } from '../bitbucket/client.js';
import { createConnectGrant } from '../bitbucket/connect-grant.js';
import { Limiters } from '../bitbucket/limiter.js';
import type { Config } from '../config/config.js';
import type { Bitbucket, Clock, Logger, Storage, Vault } from '../core/ports.js';
import { createOutboundHttp, type OutboundHttp } from '../lib/outbound-http.js';

/** A person waits at most this long for Bitbucket, and so does a lane: its own schedule goes on from there. */
export const patienceMs = 5_000;
/** Nobody waits for these; what fails is kept and tried again anyway, so one slow call must not hold up the others for long. */
const backgroundPatienceMs = 30_000;

export interface BitbucketClients {
  /** Where a person or a lane waits. */
  prompt: Bitbucket;
  /** Build statuses and reconcile. */
  background: Bitbucket;
  tokens: AppTokens;
  limiters: Limiters;
  http: OutboundHttp;
}

/** Bitbucket as each part of Slipway uses it: one limiter per credential, whoever calls. */
export function createBitbucketClients(deps: {
  config: Readonly<Config>;
  storage: Storage;
  vault: Vault;
  clock: Clock;
  logger: Logger;
  /** Ends calls and waits when the process stops. */
  signal: AbortSignal;
}): BitbucketClients {
  const { config, clock, logger, signal } = deps;
  const { bitbucketUrl: siteUrl, bitbucketApiUrl: apiUrl } = config;
  const http = createOutboundHttp({
    userAgent: 'Slipway',
    allowPlainHttpHosts: config.bitbucketIsLoopback
      ? [siteUrl, apiUrl].map((url) => new URL(url).host)
      : [],
  });
  const connect = createConnectGrant({
    appKey: config.connectAppKey,
    siteUrl,
    http,
    clock,
    signal,
    findActiveInstallation: (workspaceUuid) => findActiveConnectInstallation(workspaceUuid, deps),
  });
  const tokens = createAppTokens({ sources: [connect], clock });
  const limiters = new Limiters(clock);
  const shared = {
    ...{ siteUrl, apiUrl, http, tokens, clock, logger, signal, connect },
    limiters,
  };
  return {
    prompt: createBitbucket({ ...shared, patienceMs }),
    background: createBitbucket({ ...shared, patienceMs: backgroundPatienceMs }),
    tokens,
    limiters,
    http,
  };
}
