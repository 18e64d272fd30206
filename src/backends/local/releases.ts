import { lstat, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { readJson, syncFolder, writeJson } from './durable-file.js';
import { lockTree, removeTree } from './lock-tree.js';
import { releaseFactsFile, releaseFilesFolder, type TargetPaths } from './paths.js';
import { releaseFacts, type ReleaseFacts } from './records.js';
import { assign, type Identity } from './users.js';

/** The release folders of one target. A release never changes once it is there. */
export class Releases {
  readonly #paths: TargetPaths;

  constructor(paths: TargetPaths) {
    this.#paths = paths;
  }

  /** Everything is in place before the rename, so a release is there whole or not at all. */
  async add(
    facts: ReleaseFacts,
    from: { built: string; staging: string; builtBy: Identity | null },
  ): Promise<void> {
    await mkdir(from.staging, { mode: 0o700 });
    const files = path.join(from.staging, releaseFilesFolder);
    await rename(from.built, files);
    await lockTree(files, from.builtBy);
    await writeJson(path.join(from.staging, releaseFactsFile), facts);
    await assign(from.staging, { uid: 0, gid: from.builtBy?.gid ?? null }, 0o750);
    await rename(from.staging, this.#paths.release(facts.name));
    await syncFolder(this.#paths.releases);
  }

  async facts(name: string): Promise<ReleaseFacts | null> {
    return readJson(path.join(this.#paths.release(name), releaseFactsFile), releaseFacts);
  }

  files(name: string): string {
    return path.join(this.#paths.release(name), releaseFilesFolder);
  }

  /** Newest first. */
  async names(): Promise<string[]> {
    const names = await readdir(this.#paths.releases);
    return names.filter((name) => /^\d+-/.test(name)).sort((a, b) => sequenceOf(b) - sequenceOf(a));
  }

  async ofDeployment(deploymentId: string): Promise<ReleaseFacts | null> {
    for (const name of await this.names()) {
      const facts = await this.facts(name);
      if (facts?.deploymentId === deploymentId) return facts;
    }
    return null;
  }

  /** What is live, whatever any file says: the link is changed last. */
  async current(): Promise<{ name: string; since: number } | null> {
    try {
      const name = path.basename(await readlink(this.#paths.current));
      const link = await lstat(this.#paths.current);
      return { name, since: link.mtimeMs };
    } catch {
      return null;
    }
  }

  /** One rename: a request sees the old release or the new one, never neither. */
  async makeCurrent(name: string): Promise<void> {
    const next = `${this.#paths.current}.next`;
    await rm(next, { force: true });
    await symlink(path.join('releases', name), next);
    await rename(next, this.#paths.current);
    await syncFolder(this.#paths.folder);
  }

  /** Keeps the newest `count`, among them always the ones named. */
  async prune(count: number, always: readonly string[]): Promise<string[]> {
    const names = await this.names();
    const keep = new Set(names.filter((name) => always.includes(name)));
    for (const name of names) {
      if (keep.size >= count) break;
      keep.add(name);
    }
    const gone = names.filter((name) => !keep.has(name));
    for (const name of gone) {
      // Renamed first: half a release must not be found by its name.
      const doomed = this.#paths.release(`.removed-${name}`);
      await rename(this.#paths.release(name), doomed);
      await removeTree(doomed);
    }
    return gone;
  }

  /** What a crash left half removed. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.#paths.releases)) {
      if (name.startsWith('.removed-')) await removeTree(this.#paths.release(name));
    }
  }
}

function sequenceOf(name: string): number {
  return Number.parseInt(name, 10);
}
