import { listCommits, readCommit } from '../git/commits.js';
import { listRefs, resolveCommit } from '../git/refs.js';
import type { JsonObject } from '../json.js';
import { listedCommitShape } from '../shapes/commits.js';
import { repositoryReference } from '../shapes/repositories.js';
import type { Repository } from '../state/model.js';
import { commitContext, type World } from '../world.js';
import type { Commit } from '../git/commits.js';
import { target } from './build-status.js';
import { ok, param, repositoryOf, type Call, type Result } from './call.js';
import { commitNotFound } from './errors.js';
import { iteratorPage, pageQuery } from './paging.js';

export async function readOneCommit(call: Call): Promise<Result> {
  const { repository, commit: hash } = await target(call);
  const commit = await readCommit(call.world.git, repository, hash);
  return ok(describeCommit(call.world, repository, commit));
}

function describeCommit(world: World, repository: Repository, commit: Commit): JsonObject {
  const workspace = world.state.workspaceOf(repository);
  return {
    ...listedCommitShape(commitContext(world, repository), commit),
    repository: repositoryReference(world.links, repository, workspace),
    participants: [],
  };
}

/** `commits`, `commits/{revision}`, with `include`, `exclude` and `path`; also as a form POST. */
export async function listOfCommits(call: Call): Promise<Result> {
  const { world, exchange } = call;
  const repository = repositoryOf(call);
  const form = exchange.method === 'POST' ? await exchange.form() : null;
  const all = (name: string) => [...exchange.query.getAll(name), ...(form?.getAll(name) ?? [])];
  const revision = param(call, 'revision');
  const included = revision === '' ? all('include') : [revision, ...all('include')];
  const include = await resolveAll(world, repository, included);
  const exclude = await resolveAll(world, repository, all('exclude'));
  const page = pageQuery(exchange, 30, 100);
  const path = exchange.query.get('path');
  const commits = await listCommits(world.git, repository, {
    include: included.length > 0 ? include : await allTips(world, repository),
    exclude,
    skip: (page.page - 1) * page.pagelen,
    limit: page.pagelen + 1,
    ...(path === null ? {} : { path }),
  });
  const values = commits.slice(0, page.pagelen).map((c) => describeCommit(world, repository, c));
  const more = commits.length > page.pagelen;
  return ok(iteratorPage(world.links.origin, exchange, page, values, more));
}

async function resolveAll(
  world: World,
  repository: Repository,
  revisions: readonly string[],
): Promise<string[]> {
  return Promise.all(
    revisions.map(async (revision) => {
      const commit = await resolveCommit(world.git, repository, revision);
      if (commit === undefined) throw commitNotFound(revision);
      return commit;
    }),
  );
}

async function allTips(world: World, repository: Repository): Promise<string[]> {
  const refs = await listRefs(world.git, repository);
  return [...new Set(refs.map((ref) => ref.commit))];
}
