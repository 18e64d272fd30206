import type { CloneCredential } from '../core/backend.js';
import type { Repository } from '../core/model/index.js';
import type { Bitbucket, FetchAnswer, TryFetch } from '../core/ports.js';
import type { PreflightStep } from '../core/preflight.js';
import { bitbucketTrouble, cloneRefused, notChecked } from './preflight-words.js';
import type { CheckedRef } from './preflight-ref.js';

export interface CloneDeps {
  bitbucket: Pick<Bitbucket, 'cloneUrl' | 'cloneCredential'>;
  tryFetch: TryFetch;
}

/** Each source of credentials is tried twice; the sources end by themselves long before this. */
const triesAtMost = 20;

/** Fetches one commit with the credential that a deploy would use, and after a refusal with the next one, as a deploy does. */
export async function checkClone(
  repository: Repository,
  wanted: CheckedRef['fetch'],
  deps: CloneDeps,
  signal: AbortSignal,
): Promise<PreflightStep> {
  const refused: CloneCredential[] = [];
  const cloneUrl = deps.bitbucket.cloneUrl(repository);
  while (refused.length < triesAtMost) {
    let credential: CloneCredential;
    try {
      credential = await deps.bitbucket.cloneCredential(
        repository,
        refused.length > 0 ? { refused } : {},
      );
    } catch (error) {
      const trouble = bitbucketTrouble(error);
      const isLast = refused.length > 0 && trouble.outcome === 'failed';
      return { id: 'clone', ...(isLast ? cloneRefused(namesOf(refused)) : trouble) };
    }
    const { commit = null, ref = null } = wanted ?? {};
    const answer = await deps.tryFetch({ cloneUrl, commit, ref, credential }, signal);
    if (answer.kind !== 'access_refused') return stepOf(answer, commit, credential);
    refused.push(credential);
  }
  return { id: 'clone', ...cloneRefused(namesOf(refused)) };
}

function stepOf(
  answer: FetchAnswer,
  commit: string | null,
  { name }: CloneCredential,
): PreflightStep {
  const what = commit === null ? 'Git may fetch this repository' : `Fetched ${commit.slice(0, 7)}`;
  switch (answer.kind) {
    case 'done':
      return { id: 'clone', outcome: 'ok', says: `${what} with ${name}.`, fix: null };
    case 'ref_missing':
    case 'hash_refused':
    case 'access_refused':
      // Bitbucket let us in; what was asked for has gone since, or is not there yet.
      return {
        ...{ id: 'clone', outcome: 'ok', fix: null },
        says: `Git may fetch this repository with ${name}.`,
      };
    case 'repository_missing':
      return {
        ...{ id: 'clone', outcome: 'failed' },
        says: `Bitbucket does not show this repository to git with ${name}.`,
        fix: 'Check that it still exists under this name and that Slipway may read it, then reload the page.',
      };
    case 'git_missing':
      return {
        ...{ id: 'clone' },
        ...notChecked(
          'git is not installed on the server of Slipway.',
          'Whoever runs Slipway installs git.',
        ),
      };
    case 'timeout':
    case 'aborted':
      return { id: 'clone', ...notChecked('Fetching took too long; a deploy waits longer.') };
    case 'unreachable':
    case 'broken':
      return { id: 'clone', ...notChecked(`git says: ${answer.line}`) };
  }
}

function namesOf(refused: readonly CloneCredential[]): string[] {
  return [...new Set(refused.map(({ name }) => name))];
}
