import { readCommit } from '../git/commits.js';
import { diffFiles, emptyTree, mergeBase, type FileChange } from '../git/diffstat.js';
import { resolveCommit } from '../git/refs.js';
import type { JsonObject } from '../json.js';
import { hrefs } from '../shapes/links.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { ok, param, repositoryOf, type Call, type Result } from './call.js';
import { commitNotFound } from './errors.js';
import { pageQuery, paginate } from './paging.js';

interface Range {
  /** The older side: a commit, or the empty tree. */
  from: string;
  to: string;
}

/** `diffstat/{new}..{old}`: the other way round than git (bitbucket-api §4.5). */
export async function readDiffstat(call: Call): Promise<Result> {
  const { world, exchange } = call;
  const repository = repositoryOf(call);
  const topic = exchange.query.get('topic') === 'true';
  const range = await readRange(world, repository, param(call, 'spec'), topic);
  const path = exchange.query.get('path');
  const changes = await diffFiles(world.git, repository, range.from, range.to, {
    renames: exchange.query.get('renames') !== 'false',
    ...(path === null ? {} : { path }),
  });
  const values = changes.map((change) => shape(world, repository, range, change));
  return ok(paginate(world.links.origin, exchange, pageQuery(exchange, 500, 5000), values));
}

async function readRange(
  world: World,
  repository: Repository,
  spec: string,
  topic: boolean,
): Promise<Range> {
  const cut = spec.indexOf('..');
  const to = await resolved(world, repository, cut < 0 ? spec : spec.slice(0, cut));
  if (cut < 0) {
    const commit = await readCommit(world.git, repository, to);
    return { from: commit.parents[0] ?? emptyTree, to };
  }
  const base = await resolved(world, repository, spec.slice(cut + 2));
  return { from: topic ? await mergeBase(world.git, repository, base, to) : base, to };
}

async function resolved(world: World, repository: Repository, revision: string): Promise<string> {
  const commit = await resolveCommit(world.git, repository, revision);
  if (commit === undefined) throw commitNotFound(revision);
  return commit;
}

function shape(world: World, repository: Repository, range: Range, change: FileChange): JsonObject {
  const file = (commit: string, path: string | null): JsonObject | null => {
    if (path === null) return null;
    const fullName = world.state.fullName(repository);
    return {
      type: 'commit_file',
      path,
      escaped_path: encodeURI(path),
      links: hrefs({ self: world.links.repositoryApi(fullName, 'src', commit, path) }),
    };
  };
  return {
    type: 'diffstat',
    status: change.status,
    lines_added: change.added,
    lines_removed: change.removed,
    old: file(range.from, change.oldPath),
    new: file(range.to, change.newPath),
  };
}
