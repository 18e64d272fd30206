import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { Bitbucket, Clock, RemoteRepository, Storage } from '../core/ports.js';
import { sameUuid } from '../lib/same-uuid.js';

/** Names older than this are asked for again; every event refreshes them anyway. */
const freshForMs = 10 * 60_000;

/**
 * The repository a panel was opened for, with names as Bitbucket has them. This is also where a transferred repository gets
 * its new workspace: Bitbucket itself confirms it to that workspace's own credential.
 * Throws `BitbucketError` (`repository_gone`, `bitbucket_unavailable`).
 */
export async function openRepository(
  workspaceUuid: string,
  repositoryUuid: string,
  deps: { storage: Storage; bitbucket: Pick<Bitbucket, 'repository'>; clock: Clock },
): Promise<Repository> {
  const now = deps.clock();
  const known = await deps.storage.read.repositories.byUuid(repositoryUuid);
  const ours = known?.workspaceUuid === workspaceUuid && known.state === 'active' ? known : null;
  if (ours && ours.mainBranch !== null && now - ours.updatedAt < freshForMs) return ours;
  let remote;
  try {
    remote = await deps.bitbucket.repository(workspaceUuid, repositoryUuid);
  } catch (error) {
    // The panel must open while Bitbucket is away: what is stored is good enough to look at.
    if (ours && error instanceof BitbucketError) return ours;
    throw error;
  }
  // Bitbucket finds a repository by its uuid whatever workspace the address names: only the one it is in may file it under itself.
  if (!remote || !sameUuid(remote.workspaceUuid, workspaceUuid)) {
    throw new BitbucketError('repository_gone', repositoryUuid, { status: 404 });
  }
  return fileRepository({ ...remote, workspaceUuid }, deps);
}

/** Stores names and whereabouts as Bitbucket told them. */
export async function fileRepository(
  { uuid, workspaceUuid, fullName, name, mainBranch, isPrivate }: RemoteRepository,
  deps: { storage: Storage; clock: Clock },
): Promise<Repository> {
  const workspaceSlug = fullName.split('/')[0] ?? null;
  const facts = {
    ...{ uuid, workspaceUuid, workspaceSlug, workspaceName: null },
    ...{ fullName, name, mainBranch, isPrivate },
  };
  return deps.storage.write((tx) => tx.repositories.saveFacts(facts, workspaceUuid, deps.clock()));
}
