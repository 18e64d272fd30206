import { chmod, chown, readdir } from 'node:fs/promises';
import path from 'node:path';
import { readJson } from './durable-file.js';
import type { Isolation } from './isolation.js';
import { targetState } from './records.js';

export interface Identity {
  uid: number;
  gid: number;
}

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

const usersPerTarget = 4;
/** 65534 is nobody; container user maps usually end there. */
const lastUid = 65_533;

export function usersOfSlot(firstUid: number, slot: number | null): TargetUsers {
  if (slot === null) return { fetch: null, build: null, apps: [null, null], gid: null };
  const gid = firstUid + slot * usersPerTarget;
  const identity = (offset: number): Identity => ({ uid: gid + offset, gid });
  return { fetch: identity(0), build: identity(1), apps: [identity(2), identity(3)], gid };
}

/** Gives each target a block of user ids that no other target has. */
export class UserSlots {
  readonly #filesRoot: string;
  readonly #firstUid: number;
  readonly #isolation: Isolation;
  readonly #taken = new Map<string, number>();
  #loaded: Promise<void> | null = null;

  constructor(filesRoot: string, firstUid: number, isolation: Isolation) {
    this.#filesRoot = filesRoot;
    this.#firstUid = firstUid;
    this.#isolation = isolation;
  }

  /** `remembered`: what the target's own file says. Null when there are no separate users. */
  async slotFor(targetId: string, remembered: number | null): Promise<number | null> {
    if (this.#isolation === 'none') return null;
    this.#loaded ??= this.#load();
    await this.#loaded;
    const own = remembered ?? this.#taken.get(targetId);
    if (own !== undefined) {
      this.#taken.set(targetId, own);
      return own;
    }
    const used = new Set(this.#taken.values());
    let slot = 0;
    while (used.has(slot)) slot += 1;
    if (this.#firstUid + (slot + 1) * usersPerTarget - 1 > lastUid) {
      throw new Error('There are no user ids left for another target on this machine');
    }
    this.#taken.set(targetId, slot);
    return slot;
  }

  release(targetId: string): void {
    this.#taken.delete(targetId);
  }

  async #load(): Promise<void> {
    for (const name of await readdir(this.#filesRoot)) {
      const state = await readJson(
        path.join(this.#filesRoot, name, 'target.json'),
        targetState,
      ).catch(() => null);
      const slot = state?.userSlot ?? null;
      if (slot !== null) this.#taken.set(name, slot);
    }
  }
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
