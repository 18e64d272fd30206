import { AccessError } from '../../core/errors.js';
import type { OwnWorkspace, PersonView } from '../../core/person-view.js';
import type { Clock, WorkspacePermission } from '../../core/ports.js';
import { cachedFor } from '../../lib/cached-for.js';

/** A person's workspaces, asked in their own name and remembered for a minute. */
export interface OwnWorkspaces {
  /** Null: no member. */
  find(userUuid: string, workspaceUuid: string): Promise<OwnWorkspace | null>;
  /** Throws `workspace_unknown`. */
  open(userUuid: string, workspaceUuid: string): Promise<OwnWorkspace>;
  permission(workspaceUuid: string, userUuid: string): Promise<WorkspacePermission>;
  /** Names of the first ones of a list; a name is worth no error page. */
  named(userUuid: string, all: readonly OwnWorkspace[]): Promise<OwnWorkspace[]>;
}

const cacheMs = 60_000;
/** Each costs a call; whoever is in more of them knows them by their slugs. */
const mostNamed = 20;

export function createOwnWorkspaces(view: PersonView, clock: Clock): OwnWorkspaces {
  const find = cachedFor(cacheMs, clock, view.workspace.bind(view), {
    key: (userUuid, workspaceUuid) => `${userUuid} ${workspaceUuid}`,
  });
  return {
    find,
    async open(userUuid, workspaceUuid) {
      const found = await find(userUuid, workspaceUuid);
      if (found === null) throw new AccessError('workspace_unknown', 404);
      return found;
    },
    async permission(workspaceUuid, userUuid) {
      return (await find(userUuid, workspaceUuid))?.isAdmin === true ? 'admin' : 'none';
    },
    named: (userUuid, all) =>
      Promise.all(
        all.map(async (one, place) => {
          if (one.name !== null || place >= mostNamed) return one;
          const found = await find(userUuid, one.uuid).catch(() => null);
          return { ...one, name: found?.name ?? null };
        }),
      ),
  };
}
