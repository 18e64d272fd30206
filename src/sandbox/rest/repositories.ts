import { mainBranch } from '../git/refs.js';
import { textOf, type JsonObject } from '../json.js';
import { fullRepositoryShape } from '../shapes/repositories.js';
import type { Permission, Repository } from '../state/model.js';
import type { World } from '../world.js';
import { ok, repositoryOf, workspaceOf, type Call, type Result } from './call.js';
import { mayUse } from './caller.js';
import { RestError } from './errors.js';
import { listPage, listResult } from './list.js';

export async function readRepository(call: Call): Promise<Result> {
  return ok(await describeRepository(call.world, repositoryOf(call)));
}

/** `role=member|contributor|admin|owner` means read, write, admin, owned (bitbucket-api §4.3). */
const roles: Record<string, Permission> = {
  member: 'read',
  contributor: 'write',
  admin: 'admin',
  owner: 'admin',
};

export async function listRepositories(call: Call): Promise<Result> {
  const { world, caller } = call;
  const workspace = workspaceOf(call);
  const role = call.exchange.query.get('role');
  const wanted = role === null ? 'read' : roles[role];
  if (wanted === undefined) throw new RestError(400, `Invalid role: ${role ?? ''}`);
  const visible = world.state.repositories.filter(
    (r) => r.workspace_uuid === workspace.uuid && mayUse(world, caller, r, wanted),
  );
  const { query } = call.exchange;
  const asked = `${query.get('q') ?? ''} ${query.get('sort') ?? ''}`;
  if (/mainbranch|size/.test(asked)) {
    return listResult(call, await Promise.all(visible.map((r) => describeRepository(world, r))));
  }
  // git is asked about those on the page only: workspaces may have thousands.
  const unknown = { mainBranch: null, size: 0 };
  const page = listPage(
    call,
    visible.map((r) => fullRepositoryShape(world.links, r, workspace, unknown)),
  );
  const byUuid = new Map(visible.map((r) => [r.uuid, r]));
  const shown = (page['values'] as JsonObject[]).flatMap(
    (v) => byUuid.get(textOf(v['uuid'])) ?? [],
  );
  const values = await Promise.all(shown.map((r) => describeRepository(world, r)));
  return ok({ ...page, values });
}

export async function describeRepository(
  world: World,
  repository: Repository,
): Promise<JsonObject> {
  const main = await mainBranch(world.git, repository);
  return fullRepositoryShape(world.links, repository, world.state.workspaceOf(repository), {
    // null for an empty repository.
    mainBranch: main?.name ?? null,
    size: await sizeOnDisk(world, repository),
  });
}

async function sizeOnDisk(world: World, repository: Repository): Promise<number> {
  const text = await world.git.text(repository, ['count-objects', '-v']);
  const read = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return (read('size') + read('size-pack')) * 1024;
}
