import { openForgeToken } from '../actions/find-forge-token.js';
import { endSilentForge } from '../actions/end-silent-forge.js';
import { noteForgeCall } from '../actions/note-forge-call.js';
import { resolveDueNames } from '../actions/resolve-names.js';
import { isTokenTaken, readMembership, readViewer } from '../bitbucket/forge-checks.js';
import type { Config } from '../config/config.js';
import type { Clock, Ids, Logger, Storage, Vault, Waker } from '../core/ports.js';
import { createForgeDoor, type ForgeDoor } from '../doors/forge/forge-door.js';
import type { ForgeUiDeps } from '../doors/forge/ui.js';
import { cachedFor } from '../lib/cached-for.js';
import { createOutboundHttp, type OutboundHttp } from '../lib/outbound-http.js';
import type { TimedJob } from '../queue/waker.js';
import type { BackgroundJob } from '../queue/worker.js';
import type { BitbucketClients } from './bitbucket.js';
import { createSilenceJob } from './forge-silence.js';

interface ForgeDeps {
  config: Readonly<Config>;
  baseUrl: string;
  storage: Storage;
  vault: Vault;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
  bitbucket: BitbucketClients;
  waker: Waker;
}

export type ForgeViewers = Pick<ForgeUiDeps, 'viewer' | 'member'>;
export type OpenForge = ForgeDoor & ForgeViewers;

export interface ForgeParts {
  /** Null: no app id is configured. */
  door: OpenForge | null;
  names: BackgroundJob;
  /** Null with `door`. */
  silence: TimedJob | null;
  close(): void;
}

const namesAtOnce = 4;

export function createForgeParts(deps: ForgeDeps): ForgeParts {
  const { config, clock } = deps;
  const names: BackgroundJob = {
    name: 'names',
    run: () => resolveDueNames({ ...deps, bitbucket: deps.bitbucket.background }, namesAtOnce),
  };
  if (config.forge === null) {
    return { door: null, names, silence: null, close: () => undefined };
  }
  const http = keysClient(deps);
  const door = createForgeDoor({
    ...config.forge,
    http,
    note: (facts) => noteForgeCall(facts, deps),
    onTokenChange: (workspaceUuid) => deps.bitbucket.tokens.forget(workspaceUuid),
    clock,
    logger: deps.logger,
  });
  const silence = createSilenceJob(deps, () =>
    endSilentForge({
      ...deps,
      tokenIsTaken: async (facts, workspaceUuid) => {
        const token = openForgeToken(facts, deps);
        return token !== null && isTokenTaken(deps.bitbucket.bearer, token, workspaceUuid);
      },
      onEnd: ({ externalId, workspaceUuid }) => {
        door.calls.forget(externalId);
        deps.bitbucket.tokens.forget(workspaceUuid);
      },
    }),
  );
  return { door: { ...door, ...viewers(deps) }, names, silence, close: () => http.close() };
}

const viewerCacheMs = 60_000;
const nobody = { permission: 'unknown', uuid: null, name: null } as const;

/** Asked with the viewer's own token. The key is who they are, not the token, which is another one with every call. */
function viewers({ bitbucket, clock }: ForgeDeps): ForgeViewers {
  type Asked<Question> = Omit<Question, 'userToken'> & { userToken: string };
  const viewer = cachedFor(
    viewerCacheMs,
    clock,
    ({ userToken, ...asked }: Asked<Parameters<ForgeViewers['viewer']>[0]>) =>
      readViewer(bitbucket.bearer, userToken, { ...asked, uuid: asked.repositoryUuid }),
    { key: ({ accountId, repositoryUuid }) => `${accountId} ${repositoryUuid}` },
  );
  const member = cachedFor(
    viewerCacheMs,
    clock,
    async ({ userToken, workspaceUuid }: Asked<Parameters<ForgeViewers['member']>[0]>) => {
      const { isOwner, facts } = await readMembership(bitbucket.bearer, userToken, workspaceUuid);
      return { ...facts, permission: isOwner ? ('admin' as const) : ('none' as const) };
    },
    { key: ({ accountId, workspaceUuid }) => `${accountId} ${workspaceUuid}` },
  );
  // A call without a token says nothing about the next one, which brings one.
  return {
    viewer: ({ userToken, ...asked }) =>
      userToken === null ? Promise.resolve(nobody) : viewer({ ...asked, userToken }),
    member: ({ userToken, ...asked }) =>
      userToken === null ? Promise.resolve(nobody) : member({ ...asked, userToken }),
  };
}

/** A client of its own: the keys' host is no business of the one that carries credentials. */
function keysClient({ config }: ForgeDeps): OutboundHttp {
  const jwksUrl = config.forge?.jwksUrl ?? '';
  return createOutboundHttp({
    userAgent: 'Slipway',
    allowPlainHttpHosts: jwksUrl.startsWith('http:') ? [new URL(jwksUrl).host] : [],
  });
}
