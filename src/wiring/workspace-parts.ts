import { addChannel, removeChannel, type ChannelDeps } from '../actions/notice-channels.js';
import { removeConnection } from '../actions/remove-connection.js';
import { retryDeployments, type RetryDeps } from '../actions/retry-deployments.js';
import { saveConnection, type ConnectionDeps } from '../actions/save-connection.js';
import { testConnection } from '../actions/test-connection.js';
import type { Backend } from '../core/backend.js';
import type { Bitbucket } from '../core/ports.js';
import type { WorkspaceSection } from '../doors/workspace/section.js';
import type { CredentialServices } from '../doors/workspace/sections/credentials.js';
import { createSections } from '../doors/workspace/sections.js';
import type { WorkspaceServices } from '../doors/workspace/workspace-services.js';
import { cachedFor } from '../lib/cached-for.js';
import type { HookParts } from './hooks.js';

export interface WorkspaceParts {
  services: WorkspaceServices;
  sections: readonly WorkspaceSection[];
}

const permissionCacheMs = 60_000;

/** What the workspace's page asks and does, fulfilled by actions. */
export function createWorkspaceParts(
  deps: ConnectionDeps &
    ChannelDeps &
    RetryDeps & { bitbucket: Bitbucket; hooks: HookParts; credentials: CredentialServices },
  backends: readonly Backend[],
): WorkspaceParts {
  const { storage, bitbucket, clock } = deps;
  const ask = bitbucket.workspacePermission.bind(bitbucket);
  return {
    services: {
      read: storage.read,
      workspacePermission: cachedFor(permissionCacheMs, clock, ask, {
        key: (workspaceUuid, userUuid) => `${workspaceUuid} ${userUuid}`,
      }),
      // Only Bitbucket's repositories tell names; here the session's own words do.
      personName: () => Promise.resolve(null),
    },
    sections: createSections({
      read: storage.read,
      hooks: deps.hooks,
      backends,
      retry: (wish) => retryDeployments(wish, deps),
      channels: {
        kinds: deps.sender.kinds,
        add: (input) => addChannel(input, deps),
        remove: (input) => removeChannel(input, deps),
      },
      credentials: deps.credentials,
      connections: {
        save: (input) => saveConnection(input, deps),
        test: (input) => testConnection(input, deps),
        remove: (input) => removeConnection(input, deps),
      },
    }),
  };
}
