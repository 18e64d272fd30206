import type { Bitbucket, Clock, Storage } from '../core/ports.js';
import type { WorkspaceSection } from '../doors/workspace/section.js';
import { createSections } from '../doors/workspace/sections.js';
import type { WorkspaceServices } from '../doors/workspace/workspace-services.js';
import { cachedFor } from '../lib/cached-for.js';

export interface WorkspaceParts {
  services: WorkspaceServices;
  sections: readonly WorkspaceSection[];
}

const permissionCacheMs = 60_000;

/** What the workspace's page asks and does, fulfilled by actions. */
export function createWorkspaceParts(deps: {
  storage: Storage;
  bitbucket: Bitbucket;
  clock: Clock;
}): WorkspaceParts {
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
    sections: createSections({ read: storage.read }),
  };
}
