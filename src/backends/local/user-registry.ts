import { randomBytes } from 'node:crypto';
import { access, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './durable-file.js';
import { usersPerTarget } from './users.js';

/** 65534 is nobody, and the user maps of containers usually end there. */
const lastUid = 65_533;

/**
 * Gives each target a block of user ids that no other target on this machine has, also not one of another Slipway: whoever
 * has a user's id may kill all its processes. A block is a file named after its first id that holds the target's folder.
 */
export class UserRegistry {
  readonly #folder: string;
  readonly #firstUid: number;

  constructor(folder: string, firstUid: number) {
    this.#folder = folder;
    this.#firstUid = firstUid;
  }

  /** First id of the target's block; the remembered one whenever it is still free or its own. */
  async claim(targetFolder: string, remembered: number | null): Promise<number> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    if (remembered !== null && (await this.#take(remembered, targetFolder))) return remembered;
    for (let id = this.#firstUid; id + usersPerTarget - 1 <= lastUid; id += usersPerTarget) {
      if (await this.#take(id, targetFolder)) return id;
    }
    throw new Error('There are no user ids left for another target on this machine');
  }

  async release(id: number, targetFolder: string): Promise<void> {
    if ((await this.#ownerOf(id)) === targetFolder) await rm(this.#file(id), { force: true });
  }

  async #take(id: number, targetFolder: string): Promise<boolean> {
    const owner = await this.#ownerOf(id);
    if (owner === targetFolder) return true;
    if (owner !== null) {
      if (await exists(owner)) return false;
      await this.#setAside(id, owner);
    }
    // Written first and linked then: a block is taken with its owner's name in it, or not at all.
    const draft = path.join(this.#folder, `.${randomBytes(8).toString('hex')}`);
    await writeFile(draft, targetFolder, { mode: 0o600, flag: 'wx' });
    try {
      await link(draft, this.#file(id));
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** The owner's folder is gone. Somebody else may have seen that too and be quicker. */
  async #setAside(id: number, owner: string): Promise<void> {
    const aside = path.join(this.#folder, `.${randomBytes(8).toString('hex')}`);
    try {
      await rename(this.#file(id), aside);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return;
      throw error;
    }
    if ((await readFile(aside, 'utf8')) !== owner)
      await link(aside, this.#file(id)).catch(() => undefined);
    await rm(aside, { force: true });
  }

  async #ownerOf(id: number): Promise<string | null> {
    try {
      return await readFile(this.#file(id), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  #file(id: number): string {
    return path.join(this.#folder, String(id));
  }
}

async function exists(folder: string): Promise<boolean> {
  return access(folder).then(
    () => true,
    () => false,
  );
}
