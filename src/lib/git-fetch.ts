import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFetchAnswer, type FetchResult } from './git-answers.js';
import {
  cloneUrlWithoutUser,
  runGit,
  type GitCredential,
  type GitSurroundings,
} from './git-program.js';

export interface GitFetchOptions {
  allowPlainHttp: boolean;
  /** For everything together, ms. Default: 10 seconds. */
  timeoutMs?: number;
  /** Default: the system's own place for such. */
  temporaryFolder?: string;
  /** Handed to git as it is; says where git is, among others. */
  toolEnvironment?: Readonly<Record<string, string>>;
}

export interface FetchWish {
  cloneUrl: string;
  /** Null: wherever the ref is. */
  commit: string | null;
  /** Null: the repository is only asked what it has. */
  ref: string | null;
  credential: GitCredential;
}

const defaultTimeoutMs = 10_000;

/** Fetches one commit into a folder of its own, which is gone when this ends, however it ends. Rejects only when there is no disk. */
export function createGitFetch(
  options: GitFetchOptions,
): (wish: FetchWish, signal: AbortSignal) => Promise<FetchResult> {
  return async (wish, signal) => {
    const url = cloneUrlWithoutUser(wish.cloneUrl, options.allowPlainHttp);
    if (url === null) return { kind: 'broken', line: 'The repository address is not https.' };
    const parent = options.temporaryFolder ?? tmpdir();
    const all = await mkdtemp(join(parent, 'slipway-check-'));
    const deadline = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
    const git: GitSurroundings = {
      folder: join(all, 'repository'),
      home: join(all, 'home'),
      identity: null,
      toolEnvironment: options.toolEnvironment ?? {},
      allowPlainHttp: options.allowPlainHttp,
      timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
      killGraceMs: 500,
      signal: AbortSignal.any([signal, deadline]),
      onStart: () => Promise.resolve(),
    };
    try {
      await Promise.all([mkdir(git.folder), mkdir(git.home)]);
      const result = await fetchInto(git, wish, url);
      return result.kind === 'aborted' && deadline.aborted ? { kind: 'timeout' } : result;
    } finally {
      await rm(all, { recursive: true, force: true });
    }
  };
}

async function fetchInto(git: GitSurroundings, wish: FetchWish, url: URL): Promise<FetchResult> {
  const access = { url, credential: wish.credential };
  const ask = async (args: readonly string[]) => readFetchAnswer(await runGit(git, args, access));
  if (wish.commit === null && wish.ref === null) return ask(['ls-remote', '--quiet', url.href]);
  const made = readFetchAnswer(await runGit(git, ['init', '--quiet', '.']));
  if (made.kind !== 'done') return made;
  const fetch = (wanted: string) =>
    ask([
      ...['fetch', '--quiet', '--depth', '1', '--no-tags', '--no-recurse-submodules'],
      // The commit without its files, where the server can; where it cannot, it says so and sends all of one commit.
      ...['--filter=tree:0', '--no-write-fetch-head', url.href, wanted],
    ]);
  const byHash = wish.commit === null ? null : await fetch(wish.commit);
  // Not every server hands out commits by their hash.
  if (byHash !== null && (byHash.kind !== 'hash_refused' || wish.ref === null)) return byHash;
  return fetch(wish.ref ?? '');
}
