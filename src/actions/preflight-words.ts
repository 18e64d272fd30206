import { errorCatalogue, SlipwayError, type ErrorCode } from '../core/errors.js';
import type { PreflightStep } from '../core/preflight.js';

type Verdict = Omit<PreflightStep, 'id'>;

/** Where the right to read a repository is given, whichever way Slipway came in. */
const readRight =
  'Slipway needs the right to read repositories: for the app, a workspace admin reinstalls it and accepts its permissions; ' +
  'for an OAuth consumer or an access token, tick Repositories: Read at it in Bitbucket, then save it again on the workspace’s page in Slipway.';

/** Will be different in a while, or as soon as somebody has done something else first. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'bitbucket_unavailable',
  'bitbucket_rate_limited',
  'forge_token_awaited',
  'installation_removed',
]);

const refusals: ReadonlySet<ErrorCode> = new Set([
  'bitbucket_refused',
  'repository_gone',
  'oauth_consumer_refused',
  'oauth_grant_refused',
  'oauth_grant_missing',
  'oauth_scope_missing',
]);

/** What trouble with Bitbucket means for the one who sets a target up. Throws what is no trouble of Bitbucket's. */
export function bitbucketTrouble(error: unknown): Verdict {
  if (!(error instanceof SlipwayError)) throw error;
  const { code } = error;
  if (passing.has(code)) return notChecked(`${wayOut[code] ?? errorCatalogue[code].says}.`);
  if (!refusals.has(code)) throw error;
  const status = 'status' in error ? error.status : null;
  if (code === 'bitbucket_refused' && status === 403) {
    const says = 'Bitbucket says that Slipway may not read this repository (403).';
    return { outcome: 'failed', says, fix: readRight };
  }
  const { says, advice } = errorCatalogue[code];
  return { outcome: 'failed', says: `${says}.`, fix: advice };
}

const wayOut: Partial<Record<ErrorCode, string>> = {
  installation_removed:
    'Slipway has no credential for this repository yet: enable Slipway for it here, or install the app',
};

/** Every credential was tried with git, and none opened the repository. */
export function cloneRefused(names: readonly string[]): Verdict {
  const tried = names.length > 0 ? `, tried with ${names.join(', then with ')}` : '';
  return {
    outcome: 'failed',
    says: `Bitbucket refused to let git fetch this repository${tried}.`,
    fix: readRight,
  };
}

export function notChecked(says: string, fix = 'Check again in a while.'): Verdict {
  return { outcome: 'not_checked', says: `Could not be checked now. ${says}`, fix };
}
