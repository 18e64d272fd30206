import { chmod, chown } from 'node:fs/promises';
import type { Identity } from '../../lib/run-command.js';

export type { Identity };

/**
 * The users of one target. Several, because everything of a user can be killed at once, and only that reaches a process
 * that left its group: fetching must not meet a leftover build, and a build must not meet the app that serves.
 */
export interface TargetUsers {
  fetch: Identity | null;
  build: Identity | null;
  /** Old and new app run side by side during a switch. */
  apps: readonly [Identity | null, Identity | null];
  /** Group of all of them; may enter the target's folders. */
  gid: number | null;
}

export const usersPerTarget = 4;

/** `firstId` null: no separate users here. */
export function usersFrom(firstId: number | null): TargetUsers {
  if (firstId === null) return { fetch: null, build: null, apps: [null, null], gid: null };
  const identity = (offset: number): Identity => ({ uid: firstId + offset, gid: firstId });
  return {
    fetch: identity(0),
    build: identity(1),
    apps: [identity(2), identity(3)],
    gid: firstId,
  };
}

/** Sets owner (when there are separate users) and mode of one path. */
export async function assign(
  target: string,
  owner: { uid: number; gid: number | null },
  mode: number,
): Promise<void> {
  if (owner.gid !== null) await chown(target, owner.uid, owner.gid);
  await chmod(target, mode);
}
