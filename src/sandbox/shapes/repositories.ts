import type { JsonObject } from '../json.js';
import type { Repository, Workspace } from '../state/model.js';
import { ownerShape, workspaceShape } from './accounts.js';
import { hrefs, type Links } from './links.js';

function projectShape(links: Links, workspace: Workspace): JsonObject {
  const { project, slug } = workspace;
  return {
    type: 'project',
    key: project.key,
    uuid: project.uuid,
    name: project.name,
    links: hrefs({
      self: links.api(`/workspaces/${slug}/projects/${project.key}`),
      html: links.html(`/${slug}/workspace/projects/${project.key}`),
      avatar: links.avatar(project.name),
    }),
  };
}

/** The condensed form: no `mainbranch`, no `slug`, no clone links (bitbucket-api §5.5, REPO). */
export function repositoryShape(
  links: Links,
  repository: Repository,
  workspace: Workspace,
): JsonObject {
  const fullName = `${workspace.slug}/${repository.slug}`;
  return {
    type: 'repository',
    full_name: fullName,
    links: hrefs({
      self: links.repositoryApi(fullName),
      html: links.repositoryHtml(fullName),
      avatar: links.avatar(repository.name),
    }),
    name: repository.name,
    scm: 'git',
    website: repository.website,
    owner: ownerShape(links, workspace),
    workspace: workspaceShape(links, workspace),
    is_private: repository.is_private,
    project: projectShape(links, workspace),
    uuid: repository.uuid,
    parent: null,
  };
}

/** `type`, names and uuid only: repositories embedded in other answers. */
export function repositoryReference(
  links: Links,
  repository: Repository,
  workspace: Workspace,
): JsonObject {
  const { type, name, full_name, uuid, links: own } = repositoryShape(links, repository, workspace);
  return {
    type: type ?? null,
    name: name ?? null,
    full_name: full_name ?? null,
    uuid: uuid ?? null,
    links: own ?? null,
  };
}

export interface RepositoryDetails {
  mainBranch: string | null;
  size: number;
}

/** `GET /2.0/repositories/{ws}/{slug}` (§4.3). */
export function fullRepositoryShape(
  links: Links,
  repository: Repository,
  workspace: Workspace,
  details: RepositoryDetails,
): JsonObject {
  const fullName = `${workspace.slug}/${repository.slug}`;
  return {
    ...repositoryShape(links, repository, workspace),
    slug: repository.slug,
    description: repository.description,
    language: repository.language,
    mainbranch: details.mainBranch === null ? null : { type: 'branch', name: details.mainBranch },
    size: details.size,
    fork_policy: 'no_public_forks',
    has_issues: false,
    has_wiki: false,
    created_on: repository.created_on,
    updated_on: repository.updated_on,
    links: {
      ...repositoryLinks(links, fullName, repository.name),
      clone: cloneLinks(links, fullName),
    },
  };
}

function repositoryLinks(links: Links, fullName: string, name: string): JsonObject {
  const self = links.repositoryApi(fullName);
  return hrefs({
    self,
    html: links.repositoryHtml(fullName),
    avatar: links.avatar(name),
    pullrequests: `${self}/pullrequests`,
    commits: `${self}/commits`,
    forks: `${self}/forks`,
    watchers: `${self}/watchers`,
    branches: `${self}/refs/branches`,
    tags: `${self}/refs/tags`,
    downloads: `${self}/downloads`,
    source: `${self}/src`,
    hooks: `${self}/hooks`,
  });
}

function cloneLinks(links: Links, fullName: string): JsonObject[] {
  return [
    { name: 'https', href: `${links.origin}/${fullName}.git` },
    { name: 'ssh', href: `git@bitbucket.org:${fullName}.git` },
  ];
}
