import { mainBranch } from '../git/refs.js';
import { isObject, textOf, type Json, type JsonObject } from '../json.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import { at } from './manifest.js';

const names: Readonly<Record<string, string>> = {
  'repo:push': 'avi:bitbucket:push:repository',
  'repo:updated': 'avi:bitbucket:updated:repository',
  'repo:deleted': 'avi:bitbucket:deleted:repository',
};

/** What Forge makes of something that happened in a repository: ids only, and one event for every ref of a push (§2). */
export async function forgeEvents(
  world: World,
  repository: Repository,
  event: string,
  payload: JsonObject,
): Promise<JsonObject[]> {
  const eventType = names[event];
  if (eventType === undefined) return [];
  const common = commonFields(world, repository, eventType, payload['actor'] ?? null);
  if (event === 'repo:updated') return [{ ...common, changes: updatedFields(payload) }];
  if (event !== 'repo:push') return [common];
  const changes = at(payload, 'push', 'changes');
  // Read after the push: a first push decides which branch it is.
  const main = (await mainBranch(world.git, repository))?.name;
  return (Array.isArray(changes) ? changes : [])
    .filter(isObject)
    .map((change) => ({ ...common, push: pushOf(change, main) }));
}

function commonFields(
  world: World,
  repository: Repository,
  eventType: string,
  actor: Json,
): JsonObject {
  const workspace = world.state.workspaceOf(repository);
  const recent = world.state.settings.forge_recent_fields;
  const timestamp = new Date(world.clock.now()).toISOString().replace('Z', '000Z');
  return {
    eventType,
    // Documented since the spring of 2026 only (§2.2).
    ...(recent ? { timestamp, selfGenerated: false } : {}),
    ...(isObject(actor) ? { actor: person(actor) } : {}),
    repository: { uuid: repository.uuid, ...(recent ? { slug: repository.slug } : {}) },
    project: { uuid: workspace.project.uuid },
    workspace: { uuid: workspace.uuid },
  };
}

function person(user: JsonObject): JsonObject {
  return { type: 'user', accountId: user['account_id'] ?? '', uuid: user['uuid'] ?? '' };
}

function updatedFields(payload: JsonObject): JsonObject {
  const changes = payload['changes'];
  if (!isObject(changes)) return {};
  const cut = (value: Json | undefined): JsonObject => ({ value: textOf(value), truncated: false });
  return Object.fromEntries(
    Object.entries(changes).flatMap(([name, change]) =>
      isObject(change) && typeof change['new'] === 'string'
        ? [[name, { old: cut(change['old']), new: cut(change['new']) }]]
        : [],
    ),
  );
}

/** One entry of `push.changes` in Forge's words (§2.3). */
function pushOf(change: JsonObject, main: string | undefined): JsonObject {
  const ref = isObject(change['new']) ? change['new'] : change['old'];
  const name = textOf(at(ref ?? null, 'name'));
  const before = at(change, 'old', 'target', 'hash');
  const after = at(change, 'new', 'target', 'hash');
  const common = {
    ref: name,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
    created: change['created'] === true,
    closed: change['closed'] === true,
    forced: change['forced'] === true,
  };
  if (at(ref ?? null, 'type') === 'tag') return { ...common, ...annotation(change) };
  const commits = Array.isArray(change['commits']) ? change['commits'].filter(isObject) : [];
  return {
    ...common,
    mainbranch: name === main,
    truncated: change['truncated'] === true,
    commits: commits.map((commit) => ({
      hash: commit['hash'] ?? '',
      message: { value: textOf(commit['message']), truncated: false },
      date: commit['date'] ?? '',
      author: authorOf(at(commit, 'author', 'user')),
    })),
  };
}

/** A lightweight tag has neither message, date nor author. */
function annotation(change: JsonObject): JsonObject {
  const message = at(change, 'new', 'message');
  if (typeof message !== 'string') return {};
  return {
    message: { value: message, truncated: false },
    date: at(change, 'new', 'date') ?? '',
    author: authorOf(at(change, 'new', 'tagger', 'user')),
  };
}

function authorOf(user: Json | undefined): JsonObject {
  return isObject(user) ? { user: person(user) } : {};
}
