import {
  isAncestor,
  listCommits,
  readCommit,
  readTagObject,
  type LogQuery,
} from '../git/commits.js';
import type { Ref, RefChange } from '../git/refs.js';
import { encodePath } from '../http/router.js';
import type { JsonObject } from '../json.js';
import { listedCommitShape, refShape } from '../shapes/commits.js';
import { hrefs } from '../shapes/links.js';
import { repositoryShape } from '../shapes/repositories.js';
import type { Repository } from '../state/model.js';
import { commitContext, type World } from '../world.js';

const listedCommits = 5;

/** `repo:push` exactly as recorded (bitbucket-api §5.5 has the table of shapes). */
export async function pushPayload(
  world: World,
  repository: Repository,
  actor: JsonObject | null,
  changes: readonly RefChange[],
): Promise<JsonObject> {
  const shapes: JsonObject[] = [];
  for (const change of changes) shapes.push(await changeShape(world, repository, change));
  const workspace = world.state.workspaceOf(repository);
  return {
    push: { changes: shapes },
    repository: repositoryShape(world.links, repository, workspace),
    actor,
  };
}

async function changeShape(
  world: World,
  repository: Repository,
  change: RefChange,
): Promise<JsonObject> {
  const old = change.old ? await readRef(world, repository, change.old) : null;
  const now = change.new ? await readRef(world, repository, change.new) : null;
  const forced = await isForced(world, repository, change);
  const shape: JsonObject = {
    old,
    new: now,
    truncated: false,
    created: change.old === null,
    forced,
    closed: change.new === null,
  };
  // Deletions carry neither `commits` nor `links`.
  if (change.new === null) return shape;
  shape['links'] = changeLinks(world, repository, change, change.new, forced);
  if (change.type === 'tag') return shape;
  const context = commitContext(world, repository);
  const commits = await listCommits(world.git, repository, {
    ...pushedCommits(change, change.new),
    limit: listedCommits + 1,
  });
  shape['commits'] = commits.slice(0, listedCommits).map((c) => listedCommitShape(context, c));
  shape['truncated'] = commits.length > listedCommits;
  return shape;
}

/**
 * A created branch lists the newest commits of its whole history, pushed now or not; an update
 * lists new without old.
 */
function pushedCommits(change: RefChange, now: Ref): LogQuery {
  return change.old
    ? { include: [now.commit], exclude: [change.old.commit] }
    : { include: [now.commit] };
}

async function isForced(world: World, repository: Repository, change: RefChange): Promise<boolean> {
  if (!change.old || !change.new) return false;
  // "probably" for moved tags (§5.5): a tag only moves by force.
  if (change.type === 'tag') return true;
  return !(await isAncestor(world.git, repository, change.old.commit, change.new.commit));
}

async function readRef(world: World, repository: Repository, ref: Ref): Promise<JsonObject> {
  const commit = await readCommit(world.git, repository, ref.commit);
  const tag = ref.annotated ? await readTagObject(world.git, repository, ref.object) : null;
  return refShape(commitContext(world, repository), ref, commit, tag);
}

function changeLinks(
  world: World,
  repository: Repository,
  change: RefChange,
  now: Ref,
  forced: boolean,
): JsonObject {
  const { links } = world;
  const fullName = world.state.fullName(repository);
  const commits = `${links.repositoryApi(fullName, 'commits')}?include=${now.commit}`;
  if (change.type === 'tag') return hrefs({ commits });
  const branchPage = links.repositoryHtml(fullName, 'branch', change.name);
  if (!change.old) return hrefs({ commits, html: branchPage });
  const since = `${commits}&exclude=${change.old.commit}`;
  if (forced) return hrefs({ commits: since, html: branchPage });
  // Bitbucket writes new..old, the other way round than git (§4.5).
  const range = encodePath(`${now.commit}..${change.old.commit}`);
  return hrefs({
    commits: since,
    diff: links.repositoryApi(fullName, 'diff', range),
    html: links.repositoryHtml(fullName, 'branches/compare', range),
  });
}
