import type { CloneCredential } from '../../core/backend.js';
import { DeployFailure, DeployPostponed } from './deploy-failure.js';
import { readFetchAnswer, type FetchResult as GitResult } from '../../lib/git-answers.js';
import {
  cloneUrlWithoutUser,
  runGit,
  type GitAnswer,
  type GitSurroundings,
} from '../../lib/git-program.js';
import type { LocalLimits } from './options.js';
import { aborted, pause } from '../../lib/pause.js';

export interface FetchOrder {
  cloneUrl: string;
  commit: string;
  refType: string;
  refName: string;
  credential: (options?: { refused?: readonly CloneCredential[] }) => Promise<CloneCredential>;
  /** Called with each credential before it is used, so that it is masked in everything that follows. */
  onCredential: (credential: CloneCredential) => void;
  onWait: (words: string) => void;
  limits: LocalLimits;
}

type FetchResult =
  | GitResult
  /** What there was to clone with has ended, and only a person can bring it back. */
  | { kind: 'credential_ended'; why: string };

/** Growing depths of a branch, when the server does not hand out a commit by its hash; then everything. */
const depths = [1, 50, 1000, null];

/**
 * Leaves exactly the commit's files in the folder. Returns early when the signal fires.
 *
 * Throws `DeployFailure`; `DeployPostponed` when what one person allowed was all there is to clone with, and has ended.
 */
export async function fetchCommit(git: GitSurroundings, order: FetchOrder): Promise<void> {
  const url = cloneUrlWithoutUser(order.cloneUrl, git.allowPlainHttp);
  if (url === null) {
    throw new DeployFailure('The repository address is not https, and only https is fetched from.');
  }
  await localGit(git, ['init', '--quiet', '--initial-branch=deploy', '.']);
  const session = new FetchSession(git, order, url);
  await session.run();
  if (git.signal.aborted) return;
  await localGit(git, ['checkout', '--quiet', '--detach', order.commit]);
  const head = await localGit(git, ['rev-parse', 'HEAD']);
  if (!git.signal.aborted && head.output.trim() !== order.commit) {
    throw new DeployFailure(
      `Bitbucket sent another commit than ${short(order.commit)}. Redeploy to try again.`,
    );
  }
}

/** One fetch with all its second tries. */
class FetchSession {
  readonly #git: GitSurroundings;
  readonly #order: FetchOrder;
  readonly #url: URL;
  readonly #startedAt = performance.now();
  #credential: CloneCredential | null = null;
  /** What Bitbucket refused; each asks for another one, of the same source and then of the next. */
  readonly #refused: CloneCredential[] = [];
  #refusals = 0;
  #unreachableSince: number | null = null;

  constructor(git: GitSurroundings, order: FetchOrder, url: URL) {
    this.#git = git;
    this.#order = order;
    this.#url = url;
  }

  async run(): Promise<void> {
    while (!this.#git.signal.aborted) {
      const result = await this.#fetchOnce();
      if (result.kind === 'done') return;
      await this.#waitOrFail(result);
    }
  }

  async #fetchOnce(): Promise<FetchResult> {
    const { commit, refType, refName } = this.#order;
    const byHash = await this.#fetch(['--depth', '1'], commit);
    if (byHash.kind !== 'hash_refused') return byHash;
    const ref = refType === 'tag' ? `refs/tags/${refName}` : `refs/heads/${refName}`;
    for (const depth of depths) {
      const result = await this.#fetch(
        depth === null ? ['--unshallow'] : ['--depth', String(depth)],
        ref,
      );
      // Everything had already come with the depth before.
      const isWhole = depth === null && result.kind === 'broken';
      if (result.kind !== 'done' && !isWhole) return result;
      if (await this.#has(commit)) return { kind: 'done' };
      if (isWhole) break;
    }
    return { kind: 'ref_missing' };
  }

  async #fetch(depth: readonly string[], wanted: string): Promise<FetchResult> {
    let credential: CloneCredential | null;
    try {
      credential = await this.#credentialUnlessAborted();
    } catch (error) {
      return credentialTrouble(error);
    }
    if (credential === null) return { kind: 'aborted' };
    const args = [
      'fetch',
      '--quiet',
      ...depth,
      '--no-tags',
      '--no-recurse-submodules',
      '--no-write-fetch-head',
    ];
    const answer = await runGit(this.#git, [...args, this.#url.href, wanted], {
      url: this.#url,
      credential,
    });
    const result = readFetchAnswer(answer);
    if (result.kind !== 'unreachable') this.#unreachableSince = null;
    return result;
  }

  async #has(commit: string): Promise<boolean> {
    const { end } = await runGit(this.#git, ['cat-file', '-e', `${commit}^{commit}`]);
    return end.kind === 'exited' && end.code === 0;
  }

  /** Valid credentials are refused now and then under load, so each refusal asks for a new one before it counts. */
  async #currentCredential(): Promise<CloneCredential> {
    if (this.#credential === null) {
      this.#credential = await this.#order.credential(
        this.#refused.length > 0 ? { refused: this.#refused } : undefined,
      );
      this.#order.onCredential(this.#credential);
    }
    return this.#credential;
  }

  /** Whoever issues credentials may be slow; a cancel is not to wait for that. */
  async #credentialUnlessAborted(): Promise<CloneCredential | null> {
    const done = new AbortController();
    try {
      const abort = aborted(this.#git.signal, done.signal).then(() => null);
      return await Promise.race([this.#currentCredential(), abort]);
    } finally {
      done.abort();
    }
  }

  async #waitOrFail(result: Exclude<FetchResult, { kind: 'done' }>): Promise<void> {
    const { limits, commit, onWait } = this.#order;
    const { signal } = this.#git;
    switch (result.kind) {
      case 'aborted':
        return;
      case 'access_refused':
        return this.#nextCredential();
      case 'credential_ended':
        // Where an app's own credential was refused before it, trying again would only meet the same refusals.
        if (this.#refused.every(({ kind }) => kind === 'oauth'))
          throw new DeployPostponed(result.why);
        return this.#nextCredential();
      case 'hash_refused':
      case 'ref_missing':
      case 'repository_missing':
        if (performance.now() - this.#startedAt >= limits.notFoundRetryMs)
          throw new DeployFailure(missing(result.kind, this.#order));
        onWait(`Bitbucket does not show commit ${short(commit)} yet; trying again`);
        return pause(limits.notFoundEveryMs, signal);
      case 'unreachable':
        return this.#waitForBitbucket(result.line);
      case 'timeout':
        throw new DeployFailure(
          'Fetching the commit took too long and was ended. Redeploy to try again.',
        );
      case 'git_missing':
        throw new DeployFailure('git is not installed on this machine. Install it, then redeploy.');
      case 'broken':
        throw new DeployFailure(
          result.line.endsWith('.')
            ? result.line
            : `The commit could not be fetched: ${result.line}`,
        );
    }
  }

  #nextCredential(): Promise<void> {
    const { limits, onWait } = this.#order;
    this.#refusals += 1;
    // No credential although some were had: that was the last one there is.
    const noneLeft = this.#credential === null && this.#refused.length > 0;
    if (this.#credential) this.#refused.push(this.#credential);
    this.#credential = null;
    if (noneLeft || this.#refusals >= limits.credentialTries) {
      throw new DeployFailure(
        'Bitbucket refused to let us fetch this repository. Check that Slipway may still read it, then redeploy.',
      );
    }
    onWait('Bitbucket refused the credential; asking for a new one');
    return pause(limits.credentialEveryMs, this.#git.signal);
  }

  #waitForBitbucket(line: string): Promise<void> {
    const { limits, onWait } = this.#order;
    this.#unreachableSince ??= performance.now();
    if (performance.now() - this.#unreachableSince >= limits.networkRetryMs) {
      throw new DeployFailure(
        `Bitbucket could not be reached to fetch the commit: ${line}. Redeploy when it is back.`,
      );
    }
    onWait('Bitbucket cannot be reached; trying again');
    return pause(limits.networkEveryMs, this.#git.signal);
  }
}

async function localGit(git: GitSurroundings, args: readonly string[]): Promise<GitAnswer> {
  const answer = await runGit(git, args);
  const { end, output } = answer;
  if (end.kind === 'aborted' || (end.kind === 'exited' && end.code === 0)) return answer;
  const result = readFetchAnswer(answer);
  if (result.kind === 'git_missing') {
    throw new DeployFailure('git is not installed on this machine. Install it, then redeploy.');
  }
  if (/no space left on device|disk quota/i.test(output)) {
    throw new DeployFailure('The disk of this machine is full. Free some space, then redeploy.');
  }
  throw new DeployFailure(
    `git ${args[0] ?? ''} failed: ${'line' in result ? result.line : 'it took too long'}`,
  );
}

/** The text of such an error is the Bitbucket client's; only its class of trouble is used here. */
function credentialTrouble(error: unknown): FetchResult {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'oauth_grant_refused') {
    const why =
      'Bitbucket ended the connection of the person who enabled this repository. Waiting until they sign in again.';
    return { kind: 'credential_ended', why };
  }
  if (code === 'bitbucket_refused' || code === 'installation_removed')
    return { kind: 'access_refused' };
  if (code === 'repository_gone') return { kind: 'repository_missing' };
  return { kind: 'unreachable', line: 'no credential could be had' };
}

function missing(
  kind: 'hash_refused' | 'ref_missing' | 'repository_missing',
  order: FetchOrder,
): string {
  if (kind === 'repository_missing') {
    return 'Bitbucket does not show us this repository. Check that it still exists and that Slipway may read it.';
  }
  return `Bitbucket no longer has commit ${short(order.commit)} on ${order.refName}. It may have been removed by a forced push; redeploy the newest commit.`;
}

function short(commit: string): string {
  return commit.slice(0, 7);
}
