import { announcePush } from '../events/push.js';
import { isAncestor, type Person } from '../git/commits.js';
import {
  fullRefName,
  listRefs,
  mainBranch,
  resolveCommit,
  type Ref,
  type RefChange,
  type RefType,
} from '../git/refs.js';
import { updateRefs, writeCommit, writeTagObject } from '../git/write-commits.js';
import { isObject, type JsonObject } from '../json.js';
import { userShape } from '../shapes/accounts.js';
import type { Repository, User } from '../state/model.js';
import type { World } from '../world.js';
import { ControlError, ok, repositoryFrom, type ControlCall, type ControlResult } from './call.js';
import { filesFrom, textFrom } from './push-files.js';

/** A push without git on the caller's side; the event is the same as after `git push`. */
export async function push(call: ControlCall): Promise<ControlResult> {
  const repository = repositoryFrom(call);
  const { changes, deliveries } = await pushChanges(call.world, repository, call.input);
  return ok({ changes: changes.map(describeChange), deliveries });
}

export async function pushChanges(
  world: World,
  repository: Repository,
  input: JsonObject,
): Promise<{ changes: RefChange[]; deliveries: string[] }> {
  const list = input['changes'] ?? [input];
  if (!Array.isArray(list) || !list.every(isObject)) {
    throw new ControlError(400, 'changes must be a list of objects');
  }
  const user = pushingUser(world, repository, input);
  const actor = input['user'] === null || !user ? null : userShape(world.links, user);
  return world.git.exclusive(repository, async () => {
    const before = await listRefs(world.git, repository);
    const updates: { ref: string; to: string | null }[] = [];
    const order: { type: RefType; name: string }[] = [];
    for (const entry of list) {
      const change = readChange({ ...input, ...entry });
      order.push(change);
      const current = before.find((r) => r.type === change.type && r.name === change.name);
      const to = await newTip(world, repository, user, change, current);
      updates.push({ ref: fullRefName(change.type, change.name), to });
    }
    await updateRefs(world.git, repository, updates);
    return announcePush(world, repository, actor, before, order);
  });
}

export function describeChange(change: RefChange): JsonObject {
  return {
    ref_type: change.type,
    name: change.name,
    from: change.old?.commit ?? null,
    to: change.new?.commit ?? null,
  };
}

/** Who pushes: the named user, or else somebody who may. */
function pushingUser(world: World, repository: Repository, input: JsonObject): User | undefined {
  const name = textFrom(input, 'user');
  if (name === undefined) {
    return world.state.users.find((user) => world.state.allows(user, repository, 'write'));
  }
  const user = world.state.user(name);
  if (!user) throw new ControlError(404, `there is no user "${name}"`);
  return user;
}

interface WantedChange {
  type: RefType;
  name: string;
  input: JsonObject;
}

function readChange(input: JsonObject): WantedChange {
  const tag = textFrom(input, 'tag');
  const branch = textFrom(input, 'branch');
  if (tag !== undefined && branch !== undefined) {
    throw new ControlError(400, 'a change is about a branch or a tag, not both');
  }
  return { type: tag === undefined ? 'branch' : 'tag', name: tag ?? branch ?? 'main', input };
}

async function newTip(
  world: World,
  repository: Repository,
  user: User | undefined,
  change: WantedChange,
  current: Ref | undefined,
): Promise<string | null> {
  if (change.input['delete'] === true) {
    if (!current) throw new ControlError(404, `there is no ${change.type} "${change.name}"`);
    return null;
  }
  await checkRefName(world, repository, change);
  const author = person(world, user, change.input);
  return change.type === 'tag'
    ? tagTip(world, repository, change, current, author)
    : branchTip(world, repository, change, current, author);
}

async function checkRefName(
  world: World,
  repository: Repository,
  { type, name }: WantedChange,
): Promise<void> {
  const valid = await world.git.succeeds(repository, ['check-ref-format', fullRefName(type, name)]);
  if (!valid) throw new ControlError(400, `"${name}" is not a valid ${type} name`);
}

/** `author` is a nickname, or `Name <email>`. */
function person(world: World, user: User | undefined, input: JsonObject): Person {
  const text = textFrom(input, 'author');
  const written = /^(.*?)\s*<(.*)>$/.exec(text ?? '');
  if (written) return { name: written[1] ?? '', email: written[2] ?? '' };
  const author = text === undefined ? user : world.state.user(text);
  if (text !== undefined && !author) throw new ControlError(404, `there is no user "${text}"`);
  return author
    ? { name: author.display_name, email: author.email }
    : { name: 'Nobody', email: 'nobody@example.com' };
}

async function commitOf(world: World, repository: Repository, revision: string): Promise<string> {
  const commit = await resolveCommit(world.git, repository, revision);
  if (commit === undefined) throw new ControlError(404, `there is no commit "${revision}"`);
  return commit;
}

async function tagTip(
  world: World,
  repository: Repository,
  change: WantedChange,
  current: Ref | undefined,
  tagger: Person,
): Promise<string> {
  if (current && change.input['force'] !== true) {
    throw new ControlError(409, `tag "${change.name}" exists; moving it needs "force": true`);
  }
  const at = textFrom(change.input, 'at');
  const commit = at
    ? await commitOf(world, repository, at)
    : (await mainBranch(world.git, repository))?.commit;
  if (commit === undefined) throw new ControlError(409, 'there is no commit to tag yet');
  const message = textFrom(change.input, 'annotation');
  if (message === undefined) return commit;
  const date = world.clock.now();
  return writeTagObject(world.git, repository, {
    name: change.name,
    commit,
    message,
    tagger,
    date,
  });
}

async function branchTip(
  world: World,
  repository: Repository,
  change: WantedChange,
  current: Ref | undefined,
  author: Person,
): Promise<string> {
  const { input } = change;
  const at = textFrom(input, 'at');
  const tip =
    at === undefined
      ? await commitOnto(world, repository, change, current, author)
      : await commitOf(world, repository, at);
  if (current && input['force'] !== true) {
    const forward = await isAncestor(world.git, repository, current.commit, tip);
    if (!forward) {
      throw new ControlError(409, 'rejected: not a fast-forward; add "force": true');
    }
  }
  return tip;
}

/** A new commit on `parent`: by default the branch itself, for a new branch the main branch. */
async function commitOnto(
  world: World,
  repository: Repository,
  { input, name }: WantedChange,
  current: Ref | undefined,
  author: Person,
): Promise<string> {
  const wanted = textFrom(input, 'parent');
  const root = input['parent'] === null;
  const usual = current ?? (await mainBranch(world.git, repository));
  const parent =
    wanted === undefined
      ? root
        ? null
        : (usual?.commit ?? null)
      : await commitOf(world, repository, wanted);
  return writeCommit(world.git, repository, {
    parent,
    files: filesFrom(input['files']),
    message: message(input, name),
    author,
    committer: author,
    date: world.clock.now(),
  });
}

function message(input: JsonObject, branch: string): string {
  const text = textFrom(input, 'message') ?? `Update ${branch}`;
  return text.endsWith('\n') ? text : `${text}\n`;
}
