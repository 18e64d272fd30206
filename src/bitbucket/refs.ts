import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { RemoteCommit } from '../core/ports.js';
import {
  branchPageShape,
  refFields,
  remoteRefPageShape,
  remoteRefShape,
  type RemoteRefShape,
} from './client-shapes.js';
import { withoutMail } from './payload.js';
import { apiPath, quoted, type Rest } from './rest.js';

const folders = { branch: 'branches', tag: 'tags' } as const;

/**
 * Head commit of a ref; null when there is no such ref. Throws `repository_gone` when the repository itself cannot be
 * seen: "the branch was deleted" and "we may not look" must never be mixed up.
 */
export async function readHead(
  rest: Rest,
  repository: Repository,
  refType: 'branch' | 'tag',
  name: string,
): Promise<RemoteCommit | null> {
  const segments = name.split('/');
  // git allows no such name; as a path it would climb out of the ref's folder.
  if (segments.some((segment) => segment === '' || segment.startsWith('.'))) return null;
  // `#`, `%` and `?` in a path are trouble at somebody's proxy; the query form takes any name (§4.4).
  if (/[#%?"\\]/.test(name)) return findRef(rest, repository, refType, name);
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(
    ['repositories', workspaceUuid, uuid, 'refs', folders[refType], ...segments],
    { fields: refFields },
  );
  try {
    const call = { what: `read ${refType}`, workspaceUuid, repositoryUuid: uuid, path };
    return commitOf(await rest.read(call, remoteRefShape));
  } catch (error) {
    if (!(error instanceof BitbucketError && error.code === 'repository_gone')) throw error;
    // The same 404 for a missing ref and a missing repository: the list tells them apart.
    return findRef(rest, repository, refType, name);
  }
}

async function findRef(
  rest: Rest,
  repository: Repository,
  refType: 'branch' | 'tag',
  name: string,
): Promise<RemoteCommit | null> {
  const { workspaceUuid, uuid } = repository;
  const path = apiPath(['repositories', workspaceUuid, uuid, 'refs', folders[refType]], {
    q: `name=${quoted(name)}`,
    pagelen: '1',
    fields: refFields
      .split(',')
      .map((field) => `values.${field}`)
      .join(','),
  });
  const call = { what: `find ${refType}`, workspaceUuid, repositoryUuid: uuid, path };
  const [found] = (await rest.read(call, remoteRefPageShape)).values;
  return found ? commitOf(found) : null;
}

function commitOf({ target }: RemoteRefShape): RemoteCommit {
  const author = target.author?.user?.display_name || withoutMail(target.author?.raw);
  return { hash: target.hash, message: target.message ?? '', author: author ?? '' };
}

/** At most `limit` names, most recently changed first. */
export async function listNames(
  rest: Rest,
  repository: Repository,
  refType: 'branch' | 'tag',
  limit: number,
): Promise<string[]> {
  const { workspaceUuid, uuid } = repository;
  const names: string[] = [];
  let path: string | null = apiPath(
    ['repositories', workspaceUuid, uuid, 'refs', folders[refType]],
    {
      sort: '-target.date',
      // 100 is the maximum; more is answered 400 (§3.2).
      pagelen: String(Math.min(Math.max(limit, 1), 100)),
      fields: 'next,values.name',
    },
  );
  while (path !== null && names.length < limit) {
    const call = { what: `list ${folders[refType]}`, workspaceUuid, repositoryUuid: uuid, path };
    const page: { next?: string | null | undefined; values: { name: string }[] } = await rest.read(
      call,
      branchPageShape,
    );
    names.push(...page.values.map((branch) => branch.name));
    path = page.values.length > 0 ? (page.next ?? null) : null;
  }
  return names.slice(0, limit);
}

const headPageShape = z.object({
  next: z.string().nullish(),
  values: z.array(z.object({ name: z.string(), target: z.object({ hash: z.string() }) })),
});

/** Every branch or tag with its head, a hundred a call and nothing but what is needed (§3.2). */
export async function listHeads(
  rest: Rest,
  repository: Repository,
  refType: 'branch' | 'tag',
): Promise<Map<string, string>> {
  const { workspaceUuid, uuid } = repository;
  const heads = new Map<string, string>();
  let path: string | null = apiPath(
    ['repositories', workspaceUuid, uuid, 'refs', folders[refType]],
    { pagelen: '100', fields: 'next,values.name,values.target.hash' },
  );
  while (path !== null) {
    const page: z.infer<typeof headPageShape> = await rest.read(
      { what: `list ${refType} heads`, workspaceUuid, repositoryUuid: uuid, path, isSpare: true },
      headPageShape,
    );
    for (const { name, target } of page.values) heads.set(name, target.hash);
    path = page.values.length > 0 ? (page.next ?? null) : null;
  }
  return heads;
}
