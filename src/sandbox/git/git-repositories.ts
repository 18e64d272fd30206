import { appendFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { withoutBraces } from '../ids.js';
import type { Repository } from '../state/model.js';
import type { GitRunner } from './run-git.js';

/** Commits left behind by a force push must stay readable: diffstat asks for them later. */
const ownConfig = `[gc]
\tauto = 0
[receive]
\tautogc = false
[http]
\treceivepack = true
[transfer]
\thideRefs = refs/sandbox
`;

/**
 * The bare repositories on disk. Folders carry the uuid, so renames and transfers move nothing.
 */
export class GitRepositories {
  readonly root: string;
  readonly runner: GitRunner;
  private readonly queues = new Map<string, Promise<unknown>>();

  constructor(dataDir: string, runner: GitRunner) {
    this.runner = runner;
    this.root = join(dataDir, 'repositories');
  }

  folder(repository: Repository): string {
    return `${withoutBraces(repository.uuid)}.git`;
  }

  path(repository: Repository): string {
    return join(this.root, this.folder(repository));
  }

  async create(repository: Repository): Promise<void> {
    await mkdir(this.root, { recursive: true });
    const path = this.path(repository);
    await this.runner.run(path, ['init', '--bare', '--quiet', '--initial-branch=main', path]);
    await appendFile(join(path, 'config'), ownConfig);
  }

  async remove(repository: Repository): Promise<void> {
    await rm(this.path(repository), { recursive: true, force: true });
  }

  async removeAll(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }

  run(repository: Repository, args: readonly string[], input?: string | Buffer): Promise<Buffer> {
    return this.runner.run(this.path(repository), args, input);
  }

  text(repository: Repository, args: readonly string[], input?: string | Buffer): Promise<string> {
    return this.runner.text(this.path(repository), args, input);
  }

  succeeds(repository: Repository, args: readonly string[]): Promise<boolean> {
    return this.runner.succeeds(this.path(repository), args);
  }

  /** One writer at a time for each repository, so that "refs before and after" is one push. */
  async exclusive<T>(repository: Repository, work: () => Promise<T>): Promise<T> {
    const before = this.queues.get(repository.uuid) ?? Promise.resolve();
    const mine = before.then(work, work);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.queues.set(repository.uuid, settled);
    try {
      return await mine;
    } finally {
      if (this.queues.get(repository.uuid) === settled) this.queues.delete(repository.uuid);
    }
  }
}
