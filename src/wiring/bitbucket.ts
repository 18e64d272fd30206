import { findForgeToken, hasForge } from '../actions/find-forge-token.js';
import { findActiveConnectInstallation } from '../actions/installation-secret.js';
import { forgeTokenMarginMs } from '../actions/note-forge-call.js';
import { openWorkspaceCredentials } from '../actions/open-workspace-credentials.js';
import { breakWorkspaceCredential } from '../actions/workspace-credentials.js';
import { createBitbucket } from '../bitbucket/client.js';
import { createConnectGrant } from '../bitbucket/connect-grant.js';
import { createForgeSource } from '../bitbucket/forge-tokens.js';
import { Limiters } from '../bitbucket/limiter.js';
import { createPersonSource } from '../bitbucket/person-source.js';
import { createPersonView } from '../bitbucket/person-view.js';
import { createRest, type Rest } from '../bitbucket/rest.js';
import { createTokens, type Tokens, type TokenSource } from '../bitbucket/tokens.js';
import { createAccessTokenSource, createConsumerSource } from '../bitbucket/workspace-tokens.js';
import type { Config } from '../config/config.js';
import type { OAuthClient, PersonTokens } from '../core/people.js';
import type { PersonView } from '../core/person-view.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
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
  /** In the names of people who signed in. */
  personView: PersonView;
  tokens: Tokens;
  /** With a token that somebody brings. */
  bearer: Pick<Rest, 'readWith'>;
  /** What each credential is doing, for metrics. */
  limiters: Pick<Limiters, 'budgets' | 'uses' | 'heard' | 'shareWith'>;
}

interface BitbucketDeps {
  config: Readonly<Config>;
  storage: Storage;
  vault: Vault;
  ids: Ids;
  clock: Clock;
  logger: Logger;
  http: OutboundHttp;
  people: { oauth: OAuthClient | null; tokens: PersonTokens | null };
  /** Ends calls and waits when the process stops. */
  signal: AbortSignal;
}

/** The one way out to Bitbucket: https, unless it is a sandbox on this machine. */
export function createBitbucketHttp(config: Readonly<Config>): OutboundHttp {
  return createOutboundHttp({
    userAgent: 'Slipway',
    allowPlainHttpHosts: config.bitbucketIsLoopback
      ? [config.bitbucketUrl, config.bitbucketApiUrl].map((url) => new URL(url).host)
      : [],
  });
}

/** Bitbucket as each part of Slipway uses it: one limiter per credential, whoever calls. */
export function createBitbucketClients(deps: BitbucketDeps): BitbucketClients {
  const { config, clock, logger, http, signal, people } = deps;
  const { bitbucketUrl: siteUrl, bitbucketApiUrl: apiUrl } = config;
  const connect = createConnectGrant({
    appKey: config.connectAppKey,
    siteUrl,
    http,
    clock,
    signal,
    findActiveInstallation: (workspaceUuid) => findActiveConnectInstallation(workspaceUuid, deps),
  });
  const tokens = createTokens({
    sources: [connect, forgeSource(deps), ...workspaceSources(deps), ...personSources(deps)],
    clock,
  });
  const limiters = new Limiters(clock);
  const shared = {
    ...{ siteUrl, apiUrl, http, tokens, people: people.tokens, clock, logger, signal, connect },
    limiters,
  };
  return {
    prompt: createBitbucket({ ...shared, patienceMs }),
    background: createBitbucket({ ...shared, patienceMs: backgroundPatienceMs }),
    personView: createPersonView({ ...shared, patienceMs }),
    bearer: createRest({ ...shared, patienceMs }),
    tokens,
    limiters,
  };
}

function forgeSource(deps: BitbucketDeps): TokenSource {
  return createForgeSource({
    find: (workspaceUuid) => findForgeToken(workspaceUuid, deps),
    isInstalled: (workspaceUuid) => hasForge(workspaceUuid, deps),
    clock: deps.clock,
    marginMs: forgeTokenMarginMs,
  });
}

function workspaceSources(deps: BitbucketDeps): TokenSource[] {
  const options = {
    ...deps,
    siteUrl: deps.config.bitbucketUrl,
    find: (workspaceUuid: string) => openWorkspaceCredentials(workspaceUuid, deps),
    onRefused: (id: string, reason: string) => breakWorkspaceCredential(id, reason, deps),
  };
  return [createConsumerSource(options), createAccessTokenSource(options)];
}

function personSources({ people, storage }: BitbucketDeps): TokenSource[] {
  const { oauth, tokens } = people;
  if (!oauth || !tokens) return [];
  return [
    createPersonSource({
      tokens,
      async enablersOf(repositoryUuid) {
        const grants = await storage.read.grants.ofRepository(repositoryUuid, oauth.clientId);
        const isGood = (grant: { state: string }) => Number(grant.state === 'active');
        return grants.sort((a, b) => isGood(b) - isGood(a)).map(({ userUuid }) => userUuid);
      },
    }),
  ];
}
