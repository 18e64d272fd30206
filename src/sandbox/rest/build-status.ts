import { resolveCommit } from '../git/refs.js';
import { publish } from '../events/publish.js';
import { newUuid } from '../ids.js';
import type { Json, JsonObject } from '../json.js';
import { hrefs } from '../shapes/links.js';
import { repositoryShape, repositoryReference } from '../shapes/repositories.js';
import type { BuildStatus, Repository } from '../state/model.js';
import { commitContext, type World } from '../world.js';
import { parentShape } from '../shapes/commits.js';
import { actorOf } from './actor.js';
import { param, repositoryOf, type Call, type Result } from './call.js';
import { listResult } from './list.js';
import { commitNotFound, invalidFields, RestError } from './errors.js';

const states = ['INPROGRESS', 'SUCCESSFUL', 'FAILED', 'STOPPED'];

/** bitbucket-api §4.7. The scope is `repository`, also for writing. */
export async function createStatus(call: Call): Promise<Result> {
  const { repository, commit } = await target(call);
  const input = await call.exchange.object();
  const key = text(input, 'key') ?? '';
  const status = write(call, repository, commit, key, input);
  return { status: 201, json: statusShape(call.world, repository, commit, status) };
}

export async function updateStatus(call: Call): Promise<Result> {
  const { repository, commit } = await target(call);
  const key = param(call, 'key');
  const existing = find(call.world, repository, commit, key);
  if (!existing) throw new RestError(404, 'Build status not found');
  const { name, description, url, refname, state } = existing;
  const input = { name, description, url, refname, state, ...(await call.exchange.object()) };
  const status = write(call, repository, commit, key, input);
  return { status: 200, json: statusShape(call.world, repository, commit, status) };
}

export async function readStatus(call: Call): Promise<Result> {
  const { repository, commit } = await target(call);
  const status = find(call.world, repository, commit, param(call, 'key'));
  if (!status) throw new RestError(404, 'Build status not found');
  return { status: 200, json: statusShape(call.world, repository, commit, status) };
}

export async function listOfStatuses(call: Call): Promise<Result> {
  const { repository, commit } = await target(call);
  const { current } = call.world.state.statuses(repository, commit);
  const refname = call.exchange.query.get('refname');
  const wanted = current.filter((status) => refname === null || status.refname === refname);
  return listResult(
    call,
    wanted.map((status) => statusShape(call.world, repository, commit, status)),
  );
}

export async function target(call: Call): Promise<{ repository: Repository; commit: string }> {
  const repository = repositoryOf(call);
  const revision = param(call, 'commit');
  const commit = await resolveCommit(call.world.git, repository, revision);
  if (commit === undefined) throw commitNotFound(revision);
  return { repository, commit };
}

function find(
  world: World,
  repository: Repository,
  commit: string,
  key: string,
): BuildStatus | undefined {
  return world.state.statuses(repository, commit).current.find((status) => status.key === key);
}

function write(
  call: Call,
  repository: Repository,
  commit: string,
  key: string,
  input: JsonObject,
): BuildStatus {
  const { world } = call;
  if (call.caller.kind === 'anonymous') throw new RestError(401, 'Authentication required');
  validate(key, input);
  const at = world.clock.timestamp();
  const entry = world.state.statuses(repository, commit);
  const existing = entry.current.find((status) => status.key === key);
  const values = {
    key,
    state: text(input, 'state') ?? '',
    name: text(input, 'name') ?? null,
    description: text(input, 'description') ?? null,
    url: text(input, 'url') ?? '',
    refname: text(input, 'refname') ?? null,
  };
  entry.history.push({ ...values, method: call.exchange.method, at });
  const status = existing ?? { uuid: newUuid(), created_on: at, updated_on: at, ...values };
  Object.assign(status, values, { updated_on: at });
  if (!existing) entry.current.push(status);
  world.state.putStatuses(entry);
  world.log(`status of ${commit.slice(0, 8)}: ${values.state} ${values.name ?? key}`);
  announce(call, repository, commit, status, !existing);
  return status;
}

function validate(key: string, input: JsonObject): void {
  const fields: Record<string, string[]> = {};
  const tooLong = (value: string, maximum: number) =>
    value.length > maximum
      ? [`Ensure this value has at most ${maximum} characters (it has ${value.length}).`]
      : [];
  const required = ['This field is required.'];
  const add = (name: string, problems: string[]) => {
    if (problems.length > 0) fields[name] = problems;
  };
  add('key', key === '' ? required : tooLong(key, 40));
  const state = text(input, 'state');
  if (state === undefined) add('state', required);
  else if (!states.includes(state)) add('state', [`"${state}" is not a valid choice.`]);
  const url = text(input, 'url');
  if (url === undefined) add('url', required);
  // Templates such as {repository.full_name} are allowed inside an absolute URL.
  else if (!/^https?:\/\/[^\s/]+/.test(url)) add('url', ['Enter a valid URL.']);
  add('name', tooLong(text(input, 'name') ?? '', 255));
  add('description', tooLong(text(input, 'description') ?? '', 255));
  if (Object.keys(fields).length > 0) throw invalidFields(fields);
}

function text(input: JsonObject, name: string): string | undefined {
  const value: Json | undefined = input[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function statusShape(
  world: World,
  repository: Repository,
  commit: string,
  status: BuildStatus,
): JsonObject {
  const context = commitContext(world, repository);
  const api = (...rest: string[]) => world.links.repositoryApi(context.fullName, ...rest);
  const { key, state, name, description, url, refname, uuid, created_on, updated_on } = status;
  const workspace = world.state.workspaceOf(repository);
  return {
    type: 'build',
    key,
    uuid,
    state,
    name,
    description,
    url,
    refname,
    created_on,
    updated_on,
    commit: parentShape(context, commit),
    repository: repositoryReference(world.links, repository, workspace),
    links: hrefs({
      self: `${api('commit', commit, 'statuses/build')}/${encodeURIComponent(key)}`,
      commit: api('commit', commit),
    }),
  };
}

function announce(
  call: Call,
  repository: Repository,
  commit: string,
  status: BuildStatus,
  created: boolean,
): void {
  const { world, caller } = call;
  publish(world, repository, `repo:commit_status_${created ? 'created' : 'updated'}`, {
    actor: actorOf(world, caller),
    repository: repositoryShape(world.links, repository, world.state.workspaceOf(repository)),
    commit_status: statusShape(world, repository, commit, status),
  });
}
