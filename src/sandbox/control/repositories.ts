import { publish } from '../events/publish.js';
import { subscribers } from '../events/subscribers.js';
import { mainBranch } from '../git/refs.js';
import { newUuid } from '../ids.js';
import type { JsonObject } from '../json.js';
import { userShape } from '../shapes/accounts.js';
import { repositoryShape } from '../shapes/repositories.js';
import type { Repository } from '../state/model.js';
import type { World } from '../world.js';
import {
  ControlError,
  created,
  flag,
  ok,
  optional,
  repositoryFrom,
  required,
  userFrom,
  workspaceFrom,
  type ControlCall,
  type ControlResult,
} from './call.js';
import { permissionsFrom } from './people.js';
import { describeChange, pushChanges } from './push.js';
import { filesFrom } from './push-files.js';

export async function createRepository(call: ControlCall): Promise<ControlResult> {
  const { world, input } = call;
  const workspace = workspaceFrom(call);
  const slug = checkedSlug(required(call, 'slug'));
  if (world.state.repository(workspace.slug, slug)) {
    throw new ControlError(409, `repository "${workspace.slug}/${slug}" exists`);
  }
  const files = filesFrom(input['files']);
  const now = world.clock.timestamp();
  const repository: Repository = {
    uuid: newUuid(),
    workspace_uuid: workspace.uuid,
    slug,
    name: optional(call, 'name') ?? slug,
    description: optional(call, 'description') ?? '',
    website: null,
    language: '',
    is_private: flag(call, 'is_private', true),
    created_on: now,
    updated_on: now,
    permissions: permissionsFrom(call),
  };
  for (const uuid of Object.keys(repository.permissions)) workspace.members[uuid] ??= 'member';
  await world.git.create(repository);
  world.state.addRepository(repository);
  const first =
    files.size === 0
      ? { changes: [], deliveries: [] }
      : await pushChanges(world, repository, { message: 'Initial commit', ...pushInput(input) });
  return created({
    ...describeRepository(world, repository),
    changes: first.changes.map(describeChange),
    deliveries: first.deliveries,
  });
}

/** The parts of the body that the first push understands. */
function pushInput(input: JsonObject): JsonObject {
  const names = ['files', 'message', 'author', 'user', 'branch'];
  return Object.fromEntries(names.flatMap((n) => (n in input ? [[n, input[n] ?? null]] : [])));
}

function checkedSlug(slug: string): string {
  if (/^[a-z0-9][a-z0-9._-]*$/.test(slug) && !slug.endsWith('.git')) return slug;
  throw new ControlError(400, `"${slug}" cannot be a repository's slug`);
}

export function describeRepository(world: World, repository: Repository): JsonObject {
  const workspace = world.state.workspaceOf(repository);
  const fullName = world.state.fullName(repository);
  return {
    uuid: repository.uuid,
    full_name: fullName,
    name: repository.name,
    workspace: { slug: workspace.slug, uuid: workspace.uuid },
    clone_url: `${world.links.origin}/${fullName}.git`,
    html_url: world.links.repositoryHtml(fullName),
  };
}

export async function readRepository(call: ControlCall): Promise<ControlResult> {
  const repository = repositoryFrom(call);
  const main = await mainBranch(call.world.git, repository);
  return ok({ ...describeRepository(call.world, repository), main: main?.commit ?? null });
}

/** `repo:updated` with `changes` as recorded in repo-updated-renamed.json. */
export function renameRepository(call: ControlCall): ControlResult {
  const { world } = call;
  const repository = repositoryFrom(call);
  const name = required(call, 'name');
  const slug = checkedSlug(
    optional(call, 'slug') ?? name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-'),
  );
  const workspace = world.state.workspaceOf(repository);
  const taken = world.state.repository(workspace.slug, slug);
  if (taken && taken !== repository) throw new ControlError(409, `"${slug}" is taken`);
  const before = snapshot(world, repository);
  if (slug !== repository.slug) world.state.rememberFormerName(before.fullName, repository);
  Object.assign(repository, { name, slug, updated_on: world.clock.timestamp() });
  world.state.changed();
  const after = snapshot(world, repository);
  const deliveries = publish(world, repository, 'repo:updated', {
    actor: actor(call),
    repository: after.shape,
    changes: {
      name: { new: name, old: before.name },
      links: { new: after.shape['links'] ?? null, old: before.shape['links'] ?? null },
      full_name: { new: after.fullName, old: before.fullName },
    },
  });
  return ok({ ...describeRepository(world, repository), deliveries });
}

/** What else the details page changes; no event says that visibility has changed. */
export function updateRepository(call: ControlCall): ControlResult {
  const { world } = call;
  const repository = repositoryFrom(call);
  repository.is_private = flag(call, 'is_private', repository.is_private);
  repository.description = optional(call, 'description') ?? repository.description;
  repository.updated_on = world.clock.timestamp();
  world.state.changed();
  const { is_private, description } = repository;
  return ok({ ...describeRepository(world, repository), is_private, description });
}

/** Low confidence about the body: `previous_workspace` beside the usual (bitbucket-api §5.5). */
export function transferRepository(call: ControlCall): ControlResult {
  const { world } = call;
  const repository = repositoryFrom(call);
  const target = workspaceFrom(call, 'to');
  if (world.state.repository(target.slug, repository.slug)) {
    throw new ControlError(409, `"${target.slug}/${repository.slug}" is taken`);
  }
  const before = snapshot(world, repository);
  const previous = before.shape['workspace'] ?? null;
  const leaving = subscribers(world, repository, 'repo:transfer');
  world.state.rememberFormerName(before.fullName, repository);
  repository.workspace_uuid = target.uuid;
  // Its access tokens die with the move (bitbucket-api §1.7).
  world.state.revokeTokens(
    ({ owner, repository_uuid }) => owner.kind === 'app' && repository_uuid === repository.uuid,
  );
  repository.updated_on = world.clock.timestamp();
  world.state.changed();
  const { shape, fullName } = snapshot(world, repository);
  const payload = { actor: actor(call), repository: shape, previous_workspace: previous };
  // Both sides hear of it: whoever listened there, and whoever listens here now.
  const arriving = subscribers(world, repository, 'repo:transfer');
  // Its own webhooks move along and are on both lists.
  const known = new Set(leaving.map((subscriber) => subscriber.hookUuid));
  const all = [...leaving, ...arriving.filter((subscriber) => !known.has(subscriber.hookUuid))];
  const deliveries = all.flatMap((subscriber) =>
    world.deliverer.deliver(subscriber, 'repo:transfer', fullName, payload),
  );
  return ok({ ...describeRepository(world, repository), deliveries });
}

export async function deleteRepository(call: ControlCall): Promise<ControlResult> {
  const { world } = call;
  const repository = repositoryFrom(call);
  const payload = { actor: actor(call), repository: snapshot(world, repository).shape };
  const deliveries = publish(world, repository, 'repo:deleted', payload);
  world.state.removeRepository(repository);
  await world.git.exclusive(repository, () => world.git.remove(repository));
  return ok({ deliveries });
}

function snapshot(
  world: World,
  repository: Repository,
): { name: string; fullName: string; shape: JsonObject } {
  return {
    name: repository.name,
    fullName: world.state.fullName(repository),
    shape: repositoryShape(world.links, repository, world.state.workspaceOf(repository)),
  };
}

function actor(call: ControlCall): JsonObject | null {
  if (optional(call, 'user') === undefined) return null;
  return userShape(call.world.links, userFrom(call));
}
