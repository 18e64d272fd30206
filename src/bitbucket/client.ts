import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { PersonTokens } from '../core/people.js';
import type { Bitbucket, Clock, Logger } from '../core/ports.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { remoteRepositoryShape, repositoryFields, workspaceShape } from './client-shapes.js';
import type { ConnectGrant } from './connect-grant.js';
import { readChangedPaths } from './diffstat.js';
import { createHook, deleteHook, listHooks, updateHook } from './hooks.js';
import { Limiters } from './limiter.js';
import { withPatience, type Patience } from './patience.js';
import { readMemberName } from './members.js';
import { readPermission, readPersonName, readWorkspacePermission } from './permissions.js';
import { createProveInstallation } from './prove-installation.js';
import { listHeads, listNames, readHead } from './refs.js';
import { apiPath, createRest, type Rest } from './rest.js';
import { setBuildStatus } from './statuses.js';
import type { Tokens } from './tokens.js';

export interface BitbucketOptions {
  /** https://bitbucket.org */
  siteUrl: string;
  /** https://api.bitbucket.org */
  apiUrl: string;
  http: OutboundHttp;
  tokens: Tokens;
  people?: PersonTokens | null | undefined;
  clock: Clock;
  logger: Logger;
  /** How long one call may go on trying, ms: 5,000 where a person waits, 600,000 in the background. */
  patienceMs: number;
  /** Give the same one to every client of the process, so that all of them respect one pause. */
  limiters?: Limiters;
  /** Ends waiting and calls under way when the process stops. */
  signal?: AbortSignal;
  /** Absent: Connect is not used here, and no installation can prove itself. */
  connect?: Pick<ConnectGrant, 'exchange'>;
  sleep?: Patience['sleep'];
  random?: Patience['random'];
}

/** The port of `core/ports.ts` over Bitbucket's REST API 2.0. Throws `BitbucketError`, with the codes of `failures.ts`. */
export function createBitbucket(options: BitbucketOptions): Bitbucket {
  const rest = createRest({
    ...options,
    limiters: options.limiters ?? new Limiters(options.clock),
  });
  return {
    repository: (workspaceUuid, repositoryUuid) =>
      readRepository(rest, { workspaceUuid }, repositoryUuid),
    whereabouts: ({ workspaceUuid, uuid }, personUuid) =>
      readRepository(rest, { workspaceUuid, pathWorkspace: anyWorkspace, personUuid }, uuid),
    workspace: (workspaceUuid) => readWorkspace(rest, workspaceUuid),
    head: (repository, refType, name) => readHead(rest, repository, refType, name),
    branches: (repository, limit) => listNames(rest, repository, 'branch', limit),
    tags: (repository, limit) => listNames(rest, repository, 'tag', limit),
    heads: (repository, refType) => listHeads(rest, repository, refType),
    changedPaths: (repository, from, to) => readChangedPaths(rest, repository, from, to),
    permission: (repository, userUuid) => readPermission(rest, repository, userUuid),
    personName: (repository, userUuid) => readPersonName(rest, repository, userUuid),
    memberName: (workspaceUuid, userUuid) => readMemberName(rest, workspaceUuid, userUuid),
    hooks: (repository, personUuid) => listHooks(rest, repository, personUuid),
    createHook: (repository, spec, personUuid) => createHook(rest, repository, spec, personUuid),
    updateHook: (repository, remoteUuid, spec, personUuid) =>
      updateHook(rest, repository, remoteUuid, spec, personUuid),
    deleteHook: (repository, remoteUuid, personUuid) =>
      deleteHook(rest, repository, remoteUuid, personUuid),
    workspacePermission: (workspaceUuid, userUuid) =>
      readWorkspacePermission(rest, workspaceUuid, userUuid),
    setBuildStatus: (repository, commit, status) =>
      setBuildStatus(rest, repository, commit, status),
    cloneUrl: (repository) => cloneUrl(options.siteUrl, repository),
    cloneCredential: async (repository, { refused = [] } = {}) => {
      const { workspaceUuid, uuid: repositoryUuid } = repository;
      const values = refused.map(({ source, password: value }) => ({ source, value }));
      const token = await withPatience(
        options,
        () =>
          options.tokens.token(
            { workspaceUuid, repositoryUuid, narrow: true },
            { refused: values },
          ),
        () => undefined,
      );
      const { value: password, expiresAt, kind, source, name } = token;
      // The user name that goes with any bearer token over git (reference/bitbucket-api.md §2).
      return { username: 'x-token-auth', password, expiresAt, kind, source, name };
    },
    proveInstallation: createProveInstallation(rest, options),
  };
}

/** For a path whose workspace does not matter: the repository's uuid says which one (reference/bitbucket-api.md §3.1). */
const anyWorkspace = '{}';

async function readRepository(
  rest: Rest,
  place: { workspaceUuid: string; pathWorkspace?: string; personUuid?: string | null },
  repositoryUuid: string,
) {
  const { workspaceUuid, pathWorkspace = workspaceUuid, personUuid = null } = place;
  const path = apiPath(['repositories', pathWorkspace, repositoryUuid], {
    fields: repositoryFields,
  });
  const whose = personUuid === null ? {} : { personUuid };
  try {
    const found = await rest.read(
      { what: 'read repository', workspaceUuid, repositoryUuid, path, ...whose },
      remoteRepositoryShape,
    );
    return {
      uuid: found.uuid,
      workspaceUuid: found.workspace?.uuid ?? found.owner?.uuid ?? workspaceUuid,
      fullName: found.full_name,
      name: found.name ?? found.full_name.split('/').at(-1) ?? found.full_name,
      mainBranch: found.mainbranch?.name ?? null,
      // Unsaid is taken for private: nothing is ever shown on the strength of this being false.
      isPrivate: found.is_private ?? true,
    };
  } catch (error) {
    if (error instanceof BitbucketError && error.code === 'repository_gone') return null;
    throw error;
  }
}

async function readWorkspace(rest: Rest, workspaceUuid: string) {
  const path = apiPath(['workspaces', workspaceUuid], { fields: 'uuid,slug,name' });
  try {
    const found = await rest.read({ what: 'read workspace', workspaceUuid, path }, workspaceShape);
    return { slug: found.slug ?? null, name: found.name ?? null };
  } catch (error) {
    if (error instanceof BitbucketError && error.code === 'repository_gone') return null;
    throw error;
  }
}

/** Without user info: the credential is handed to git another way (reference/bitbucket-api.md §2). */
function cloneUrl(siteUrl: string, repository: Repository): string {
  const path = repository.fullName.split('/').map(encodeURIComponent).join('/');
  return new URL(`/${path}.git`, siteUrl).href;
}
