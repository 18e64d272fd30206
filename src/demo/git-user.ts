import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A developer with a clone: edits, commits and pushes with plain git. */
export class GitUser {
  readonly folder: string;
  readonly #person: { name: string; email: string };

  private constructor(folder: string, person: { name: string; email: string }) {
    this.folder = folder;
    this.#person = person;
  }

  static async clone(
    url: string,
    folder: string,
    person: { name: string; email: string },
  ): Promise<GitUser> {
    await git(['clone', '--quiet', url, folder], undefined);
    return new GitUser(folder, person);
  }

  /** Writes the files, commits and pushes; returns the commit. */
  async push(files: Record<string, string>, message: string): Promise<string> {
    for (const [path, text] of Object.entries(files))
      await writeFile(join(this.folder, path), text);
    const { name, email } = this.#person;
    await git(['add', '--all'], this.folder);
    await git(
      ['-c', `user.name=${name}`, '-c', `user.email=${email}`, 'commit', '--quiet', '-m', message],
      this.folder,
    );
    const { stdout } = await git(['rev-parse', 'HEAD'], this.folder);
    await git(['push', '--quiet', 'origin', 'HEAD'], this.folder);
    return stdout.trim();
  }
}

async function git(args: string[], cwd: string | undefined): Promise<{ stdout: string }> {
  try {
    return await run('git', args, { ...(cwd === undefined ? {} : { cwd }) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error('git is not installed, or not in PATH; the demo pushes with real git', {
        cause: error,
      });
    }
    const stderr = (error as { stderr?: string }).stderr ?? '';
    throw new Error(`git ${args[0] ?? ''} failed: ${stderr.trim().split('\n').at(-1) ?? ''}`, {
      cause: error,
    });
  }
}
