import type { Repository } from './model/index.js';
import type { RemoteRepository, RepositoryPermission } from './ports.js';

export interface OwnWorkspace {
  uuid: string;
  slug: string;
  /** Null: Bitbucket did not say. */
  name: string | null;
  isAdmin: boolean;
}

export interface RepositoryPage {
  repositories: RemoteRepository[];
  hasMore: boolean;
}

/** Bitbucket as one person sees it, asked in their name and no other. All throw `BitbucketError` and `AccessError`. */
export interface PersonView {
  /** Without their names, which this list of Bitbucket's does not have. */
  workspaces(personUuid: string): Promise<OwnWorkspace[]>;
  /** Null: they are no member of it, or it does not exist. */
  workspace(personUuid: string, workspaceUuid: string): Promise<OwnWorkspace | null>;
  /** Most recently changed first. `search`: part of the name; `page` counts from 1. */
  repositories(
    personUuid: string,
    workspaceUuid: string,
    page: { search: string; page: number },
  ): Promise<RepositoryPage>;
  repository(
    personUuid: string,
    workspaceUuid: string,
    repositoryUuid: string,
  ): Promise<RemoteRepository | null>;
  permission(
    personUuid: string,
    repository: Pick<Repository, 'uuid' | 'workspaceUuid'>,
  ): Promise<RepositoryPermission>;
}
