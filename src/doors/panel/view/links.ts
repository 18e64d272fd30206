import type { Deployment, Repository } from '../../../core/model/index.js';
import type { Places } from '../deps.js';

export interface CommitView {
  hash: string;
  short: string;
  href: string;
}

export const shortHashLength = 8;

export function commitView(repository: Repository, hash: string, places: Places): CommitView {
  const name = repository.fullName.split('/').map(encodeURIComponent).join('/');
  return {
    hash,
    short: hash.slice(0, shortHashLength),
    href: `${places.bitbucketUrl}/${name}/commits/${encodeURIComponent(hash)}`,
  };
}

export function pageHref(deployment: Pick<Deployment, 'pageToken'>, places: Places): string {
  return `${places.baseUrl}/d/${encodeURIComponent(deployment.pageToken)}`;
}

/** A backend's word becomes a link only when it is a web address: `javascript:` must never get into an `href`. */
export function webAddress(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  const { protocol } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? url : null;
}

export function firstLine(message: string | null): string {
  const line = (message ?? '').split(/\r?\n/, 1)[0]?.trim() ?? '';
  return line === '' ? 'No commit message' : line;
}
