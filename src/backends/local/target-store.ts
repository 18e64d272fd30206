import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { LocalContext } from './context.js';
import { errorCode, readJson, writeJson } from './durable-file.js';
import { isPlainId, TargetPaths } from './paths.js';
import {
  deploymentRecord,
  emptyTargetState,
  isRunning,
  targetState,
  type DeploymentRecord,
  type TargetState,
} from './records.js';
import { Releases } from './releases.js';
import { readAppLog } from './app-log.js';
import { giveTree } from './lock-tree.js';
import { assign, usersFrom, type Identity, type TargetUsers } from './users.js';

/** The files of one target: its state, its records, its logs and releases. */
export class TargetStore {
  readonly paths: TargetPaths;
  readonly releases: Releases;
  readonly users: TargetUsers;
  #state: TargetState;
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(paths: TargetPaths, state: TargetState, users: TargetUsers) {
    this.paths = paths;
    this.releases = new Releases(paths);
    this.users = users;
    this.#state = state;
  }

  static async open(context: LocalContext, targetId: string): Promise<TargetStore> {
    const paths = new TargetPaths(context.filesRoot, targetId);
    const known = await readJson(paths.stateFile, targetState);
    // Before the claim: a block whose owner has no folder counts as free.
    await mkdir(paths.folder, { recursive: true, mode: 0o700 });
    const remembered = known?.firstUid ?? null;
    const firstUid = (await context.users?.claim(paths.folder, remembered)) ?? null;
    const users = usersFrom(firstUid);
    await makeFolders(paths, users.gid);
    const store = new TargetStore(paths, { ...(known ?? emptyTargetState), firstUid }, users);
    if (known !== null && remembered !== firstUid)
      await giveTree(paths.releases, rootAs(users.gid));
    if (known === null || remembered !== firstUid) await store.update({});
    return store;
  }

  static async exists(context: LocalContext, targetId: string): Promise<boolean> {
    const { stateFile } = new TargetPaths(context.filesRoot, targetId);
    return (await readJson(stateFile, targetState)) !== null;
  }

  get state(): TargetState {
    return this.#state;
  }

  /** Takes effect in memory at once; the promise settles when it is on disk. */
  update(patch: Partial<TargetState>): Promise<void> {
    this.#state = { ...this.#state, ...patch };
    const write = this.#lastWrite.then(() => writeJson(this.paths.stateFile, this.#state));
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }

  async record(deploymentId: string): Promise<DeploymentRecord | null> {
    if (!isPlainId(deploymentId)) return null;
    return readJson(this.paths.record(deploymentId), deploymentRecord);
  }

  async saveRecord(record: DeploymentRecord): Promise<void> {
    await writeJson(this.paths.record(record.deploymentId), record);
  }

  /** Records that never reached an end. */
  async unfinished(): Promise<DeploymentRecord[]> {
    const found: DeploymentRecord[] = [];
    for (const id of await this.#recordIds()) {
      const record = await this.record(id);
      if (record !== null && isRunning(record.state)) found.push(record);
    }
    return found;
  }

  /** Build log, then what the app printed. */
  async logs(deploymentId: string): Promise<string | null> {
    if (!isPlainId(deploymentId)) return null;
    const build = await readFile(this.paths.log(deploymentId), 'utf8').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    });
    const app = await readAppLog(this.paths.appLog(deploymentId));
    if (app === null) return build;
    return `${build ?? ''}» What the app printed since it went live:\n${app}`;
  }

  /** Old records and logs go; those whose release is still here stay. */
  async pruneRecords(keep: number): Promise<void> {
    const ids = await this.#recordIds();
    if (ids.length <= keep) return;
    const released = new Set<string>();
    for (const name of await this.releases.names()) {
      const facts = await this.releases.facts(name);
      if (facts !== null) released.add(facts.deploymentId);
    }
    const records: DeploymentRecord[] = [];
    for (const id of ids) {
      const record = await this.record(id);
      if (record !== null) records.push(record);
    }
    records.sort((a, b) => b.createdAt - a.createdAt);
    for (const record of records.slice(keep)) {
      const id = record.deploymentId;
      if (released.has(id) || isRunning(record.state) || id === this.#state.live?.deploymentId)
        continue;
      const files = [this.paths.record(id), this.paths.log(id), this.paths.appLog(id)];
      for (const file of [...files, `${this.paths.appLog(id)}.1`]) await rm(file, { force: true });
    }
  }

  async #recordIds(): Promise<string[]> {
    const names = await readdir(this.paths.deployments);
    return names
      .filter((name) => name.endsWith('.json'))
      .map((name) => path.basename(name, '.json'));
  }
}

/** Only the target's own users may walk in, and only to where they work. */
async function makeFolders(paths: TargetPaths, gid: number | null): Promise<void> {
  const owner = { uid: 0, gid };
  for (const folder of [paths.folder, paths.work, paths.releases, paths.homes]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await assign(folder, owner, 0o710);
  }
  for (const folder of [paths.logs, paths.deployments]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await assign(folder, { uid: 0, gid: gid === null ? null : 0 }, 0o700);
  }
}

/** Releases belong to root; the group decides whose apps may read them. */
function rootAs(gid: number | null): Identity | null {
  return gid === null ? null : { uid: 0, gid };
}
