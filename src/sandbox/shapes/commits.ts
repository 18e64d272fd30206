import { toCommitDate } from '../clock.js';
import type { Commit, Person, TagObject } from '../git/commits.js';
import type { Ref } from '../git/refs.js';
import type { JsonObject } from '../json.js';
import type { User } from '../state/model.js';
import { userShape } from './accounts.js';
import { hrefs, type Links } from './links.js';

/** What the shapes of one repository's commits and refs need to know. */
export interface CommitContext {
  links: Links;
  fullName: string;
  /** `author.user` is absent when the e-mail maps to no account (bitbucket-api §4.4). */
  userByEmail: (email: string) => User | undefined;
}

export function commitLinks(context: CommitContext, hash: string): Record<string, string> {
  const { links, fullName } = context;
  return {
    self: links.repositoryApi(fullName, 'commit', hash),
    html: links.repositoryHtml(fullName, 'commits', hash),
  };
}

function moreCommitLinks(context: CommitContext, hash: string): Record<string, string> {
  const api = (...rest: string[]) => context.links.repositoryApi(context.fullName, ...rest);
  return {
    ...commitLinks(context, hash),
    diff: api('diff', hash),
    approve: api('commit', hash, 'approve'),
    comments: api('commit', hash, 'comments'),
    statuses: api('commit', hash, 'statuses'),
    patch: api('patch', hash),
  };
}

export function parentShape(context: CommitContext, hash: string): JsonObject {
  return { hash, links: hrefs(commitLinks(context, hash)), type: 'commit' };
}

function authorShape(context: CommitContext, person: Person): JsonObject {
  const user = context.userByEmail(person.email);
  const author: JsonObject = { type: 'author', raw: `${person.name} <${person.email}>` };
  return user ? { ...author, user: userShape(context.links, user) } : author;
}

function summaryShape(message: string): JsonObject {
  const paragraphs = message
    .trim()
    .split(/\n{2,}/)
    .map((text) => `<p>${escapeHtml(text).replaceAll('\n', '<br />\n')}</p>`);
  return { type: 'rendered', raw: message, markup: 'markdown', html: paragraphs.join('\n') };
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** The commit inside refs (bitbucket-api §5.5, COMMIT). */
export function targetShape(context: CommitContext, commit: Commit): JsonObject {
  return {
    type: 'commit',
    hash: commit.hash,
    date: toCommitDate(commit.date),
    author: authorShape(context, commit.author),
    committer: {},
    message: commit.message,
    summary: summaryShape(commit.message),
    links: hrefs(commitLinks(context, commit.hash)),
    parents: commit.parents.map((hash) => parentShape(context, hash)),
    rendered: {},
    properties: {},
  };
}

/** The entries of `commits[]` and of the commit resources: more links, otherwise the same. */
export function listedCommitShape(context: CommitContext, commit: Commit): JsonObject {
  return {
    ...targetShape(context, commit),
    links: hrefs(moreCommitLinks(context, commit.hash)),
  };
}

export function branchShape(context: CommitContext, name: string, target: JsonObject): JsonObject {
  const { links, fullName } = context;
  const source = encodeURIComponent(name);
  return {
    name,
    target,
    links: hrefs({
      self: links.repositoryApi(fullName, 'refs/branches', name),
      commits: links.repositoryApi(fullName, 'commits', name),
      html: links.repositoryHtml(fullName, 'branch', name),
      pullrequest_create: `${links.repositoryHtml(fullName, 'pull-requests/new')}?source=${source}&t=1`,
    }),
    type: 'branch',
    merge_strategies: [
      'merge_commit',
      'squash',
      'fast_forward',
      'squash_fast_forward',
      'rebase_fast_forward',
      'rebase_merge',
    ],
    sync_strategies: ['merge_commit', 'rebase'],
    default_merge_strategy: 'merge_commit',
  };
}

/** Lightweight tags have neither message, date nor tagger. */
export function tagShape(
  context: CommitContext,
  name: string,
  target: JsonObject,
  tag: TagObject | null,
): JsonObject {
  const { links, fullName } = context;
  return {
    name,
    type: 'tag',
    message: tag?.message ?? null,
    date: tag?.date ? toCommitDate(tag.date) : null,
    tagger: tag ? (tag.tagger ? authorShape(context, tag.tagger) : {}) : null,
    target,
    links: hrefs({
      self: links.repositoryApi(fullName, 'refs/tags', name),
      commits: links.repositoryApi(fullName, 'commits', name),
      html: links.repositoryHtml(fullName, 'commits/tag', name),
    }),
  };
}

export function refShape(
  context: CommitContext,
  ref: Ref,
  commit: Commit,
  tag: TagObject | null,
): JsonObject {
  const target = targetShape(context, commit);
  return ref.type === 'branch'
    ? branchShape(context, ref.name, target)
    : tagShape(context, ref.name, target, tag);
}
