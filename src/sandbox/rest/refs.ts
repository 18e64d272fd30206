import { readCommit, readTagObject } from '../git/commits.js';
import { findRef, listRefs, type Ref, type RefType } from '../git/refs.js';
import type { JsonObject } from '../json.js';
import { listedCommitShape, refShape } from '../shapes/commits.js';
import type { Repository } from '../state/model.js';
import { commitContext, type World } from '../world.js';
import { ok, param, repositoryOf, type Call, type Result } from './call.js';
import { RestError } from './errors.js';
import { listResult } from './list.js';

/** bitbucket-api §4.4. */
export function listOfRefs(types: readonly RefType[]): (call: Call) => Promise<Result> {
  return async (call) => {
    const repository = repositoryOf(call);
    const refs = await listRefs(call.world.git, repository);
    const wanted = refs.filter((ref) => types.includes(ref.type));
    const values = wanted.map((ref) => describeRef(call.world, repository, ref));
    return listResult(call, await Promise.all(values));
  };
}

export function singleRef(type: RefType): (call: Call) => Promise<Result> {
  return async (call) => {
    const repository = repositoryOf(call);
    const name = param(call, 'name');
    const ref = await findRef(call.world.git, repository, type, name);
    if (!ref) {
      const kind = type === 'branch' ? 'Branch' : 'Tag';
      throw new RestError(404, `${kind} "${name}" does not exist.`);
    }
    return ok(await describeRef(call.world, repository, ref));
  };
}

async function describeRef(world: World, repository: Repository, ref: Ref): Promise<JsonObject> {
  const commit = await readCommit(world.git, repository, ref.commit);
  const tag = ref.annotated ? await readTagObject(world.git, repository, ref.object) : null;
  const context = commitContext(world, repository);
  const target = listedCommitShape(context, commit);
  return { ...refShape(context, ref, commit, tag), target };
}
