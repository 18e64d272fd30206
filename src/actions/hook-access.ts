import { AccessError, BitbucketError } from '../core/errors.js';
import type { HookProblem, Repository } from '../core/model/index.js';
import type { Bitbucket } from '../core/ports.js';

/** In whose name a call about webhooks is made; null: the workspace's own credentials. */
export type InWhoseName = string | null;

/**
 * Tries one after the other: who clicked, who enabled the hook, the workspace's own credentials. Only what one of them may not do
 * is left to the next; the first refusal is what is told in the end.
 */
export async function inSomebodysName<T>(
  names: readonly (InWhoseName | undefined)[],
  call: (name: InWhoseName) => Promise<T>,
): Promise<T> {
  let first: unknown;
  for (const name of new Set(names)) {
    if (name === undefined) continue;
    try {
      return await call(name);
    } catch (error) {
      if (problemBehind(error) === 'unavailable' || problemBehind(error) === null) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** What an error of such a call means for the hook; null: nothing, it is ours. */
export function problemBehind(error: unknown): HookProblem | null {
  if (error instanceof AccessError) {
    const isMissing = error.code === 'oauth_grant_missing' || error.code === 'installation_removed';
    return isMissing || error.code === 'oauth_off' ? 'no_credential' : null;
  }
  if (!(error instanceof BitbucketError)) return null;
  switch (error.code) {
    case 'repository_gone':
      return 'repository_gone';
    case 'oauth_grant_refused':
    case 'oauth_consumer_refused':
      return 'no_credential';
    case 'bitbucket_refused':
      if (error.status === 401) return 'no_credential';
      // Bitbucket's own words are the only difference (reference/bitbucket-api.md §1.5).
      return /privilege scopes/i.test(error.message) ? 'scope_missing' : 'not_admin';
    default:
      return 'unavailable';
  }
}

/** Whether Bitbucket may have done what was asked although we do not know. */
export function isUncertain(error: unknown): boolean {
  return problemBehind(error) === 'unavailable';
}

export type HookPort = Pick<Bitbucket, 'hooks' | 'createHook' | 'updateHook' | 'deleteHook'>;
export type HookOwner = Pick<Repository, 'id' | 'uuid' | 'workspaceUuid' | 'fullName'>;
