import { createStatus, listOfStatuses, readStatus, updateStatus } from './build-status.js';
import type { Operation } from './call.js';
import { listOfCommits, readOneCommit } from './commits.js';
import { readDiffstat } from './diffstat.js';
import { createHook, deleteHook, listHooks, readHook, updateHook } from './hooks.js';
import { listHookEvents, listHookSubjects } from './hook-events.js';
import {
  listOwnPermissions,
  listRepositoryPermissions,
  readExplicitPermission,
} from './permissions.js';
import { listOfRefs, singleRef } from './refs.js';
import { listRepositories, readRepository } from './repositories.js';
import { readSource } from './src.js';
import {
  gone,
  listMembers,
  listOwnWorkspaces,
  readCurrentUser,
  readMember,
  readOwnMembership,
  readUser,
  readWorkspace,
} from './workspaces.js';

type Row = [method: string, path: string, scopes: string[], run: Operation['run']];

const repository = 'repositories/:workspace/:repository';
const account = ['account'];
const read = ['repository'];

/**
 * Every call of the API, with the OAuth scopes it needs (bitbucket-api §4). A path that holds
 * another one stands after it.
 */
const rows: Row[] = [
  ['GET', 'user', account, readCurrentUser],
  ['GET', 'users/:user', [], readUser],
  ['GET', 'user/workspaces', account, listOwnWorkspaces],
  ['GET', 'user/workspaces/:workspace/permission', account, readOwnMembership],
  [
    'GET',
    'user/workspaces/:workspace/permissions/repositories',
    ['account', 'repository'],
    listOwnPermissions,
  ],
  ['GET', 'user/permissions/workspaces', [], gone],
  ['GET', 'user/permissions/repositories', [], gone],
  ['GET', 'workspaces', [], gone],
  ['GET', 'workspaces/:workspace', account, readWorkspace],
  [
    'GET',
    'workspaces/:workspace/permissions/repositories/:repository',
    read,
    listRepositoryPermissions,
  ],
  ['GET', 'workspaces/:workspace/members', account, listMembers],
  ['GET', 'workspaces/:workspace/members/:member', account, readMember],
  ['GET', 'repositories', [], gone],
  ['GET', 'repositories/:workspace', read, listRepositories],
  ['GET', repository, read, readRepository],
  [
    'GET',
    `${repository}/permissions-config/users/:user`,
    ['repository:admin'],
    readExplicitPermission,
  ],
  ['GET', `${repository}/refs`, read, listOfRefs(['branch', 'tag'])],
  ['GET', `${repository}/refs/branches`, read, listOfRefs(['branch'])],
  ['GET', `${repository}/refs/branches/*name`, read, singleRef('branch')],
  ['GET', `${repository}/refs/tags`, read, listOfRefs(['tag'])],
  ['GET', `${repository}/refs/tags/*name`, read, singleRef('tag')],
  ['GET', `${repository}/commits`, read, listOfCommits],
  ['POST', `${repository}/commits`, read, listOfCommits],
  ['GET', `${repository}/commits/*revision`, read, listOfCommits],
  ['GET', `${repository}/commit/:commit`, read, readOneCommit],
  ['GET', `${repository}/commit/:commit/statuses`, read, listOfStatuses],
  ['POST', `${repository}/commit/:commit/statuses/build`, read, createStatus],
  ['PUT', `${repository}/commit/:commit/statuses/build/:key`, read, updateStatus],
  ['GET', `${repository}/commit/:commit/statuses/build/:key`, read, readStatus],
  ['GET', `${repository}/diffstat/*spec`, read, readDiffstat],
  ['GET', `${repository}/src/:commit/*path`, read, readSource],
  ...hookRows(repository),
  ...hookRows('workspaces/:workspace'),
  ['GET', 'hook_events', [], listHookSubjects],
  ['GET', 'hook_events/:subject', [], listHookEvents],
];

/** A repository's and a workspace's webhooks work alike (§4.8). */
function hookRows(subject: string): Row[] {
  const scopes = ['webhook'];
  return [
    ['GET', `${subject}/hooks`, scopes, listHooks],
    ['POST', `${subject}/hooks`, scopes, createHook],
    ['GET', `${subject}/hooks/:uid`, scopes, readHook],
    ['PUT', `${subject}/hooks/:uid`, scopes, updateHook],
    ['DELETE', `${subject}/hooks/:uid`, scopes, deleteHook],
  ];
}

export const operations: readonly Operation[] = rows.map(([method, path, scopes, run]) => ({
  method,
  pattern: `/2.0/${path}`,
  scopes,
  run,
}));
