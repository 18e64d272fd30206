import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export class GitError extends Error {
  override name = 'GitError';
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(args: readonly string[], exitCode: number | null, stderr: string) {
    super(`git ${args[0] ?? ''} failed (${exitCode ?? 'killed'}): ${stderr.trim().slice(0, 500)}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/**
 * The folder of git's own programs, `git` among them. Throws with a sentence when git, or its
 * HTTP backend, is not on this machine.
 */
export function findGit(): string {
  const answer = spawnSync('git', ['--exec-path'], { encoding: 'utf8' });
  if (answer.error || answer.status !== 0) {
    throw new Error('The sandbox serves real repositories and needs git: none was found on PATH.');
  }
  const programs = answer.stdout.trim();
  if (!existsSync(join(programs, 'git-http-backend'))) {
    throw new Error('This git has no "http-backend"; install the complete git package.');
  }
  return programs;
}

/** Starts git processes and can end them all, with the helpers that git itself started. */
export class GitRunner {
  private readonly children = new Set<ChildProcess>();
  private readonly programs: string;
  private stopped = false;

  constructor(programs: string) {
    this.programs = programs;
  }

  /**
   * The person's own configuration must not reach the sandbox's repositories. `safe.directory`
   * counts only from outside the repository, so it travels in the environment.
   */
  environment(config: Record<string, string> = {}): NodeJS.ProcessEnv {
    const entries = Object.entries({ 'safe.directory': '*', ...config });
    const env: NodeJS.ProcessEnv = {
      PATH: this.programs,
      HOME: '/nonexistent',
      LC_ALL: 'C',
      TZ: 'UTC',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_COUNT: String(entries.length),
    };
    entries.forEach(([key, value], index) => {
      env[`GIT_CONFIG_KEY_${index}`] = key;
      env[`GIT_CONFIG_VALUE_${index}`] = value;
    });
    return env;
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
    if (this.stopped) throw new GitError(args, null, 'the sandbox is stopping');
    // Its own process group: http-backend starts upload-pack and receive-pack by itself.
    const child = spawn('git', args, { env, detached: true, stdio: 'pipe' });
    this.children.add(child);
    child.once('close', () => this.children.delete(child));
    return child;
  }

  /** Runs git in a bare repository and returns what it printed. */
  async run(gitDir: string, args: readonly string[], input?: string | Buffer): Promise<Buffer> {
    const child = this.start(['--git-dir', gitDir, ...args], this.environment());
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    // A git that fails early closes its end; its exit code says more than EPIPE would.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new GitError(args, code, Buffer.concat(err).toString('utf8'));
    return Buffer.concat(out);
  }

  async text(gitDir: string, args: readonly string[], input?: string | Buffer): Promise<string> {
    return (await this.run(gitDir, args, input)).toString('utf8');
  }

  /** For questions that git answers with its exit code (0 yes, 1 no). */
  async succeeds(gitDir: string, args: readonly string[]): Promise<boolean> {
    try {
      await this.run(gitDir, args);
      return true;
    } catch (error) {
      if (error instanceof GitError && error.exitCode === 1) return false;
      throw error;
    }
  }

  stop(): void {
    this.stopped = true;
    for (const child of this.children) {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
  }
}
