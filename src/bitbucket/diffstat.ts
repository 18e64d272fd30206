import { z } from 'zod';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import { apiPath, type Rest } from './rest.js';

const side = z.object({ path: z.string() }).nullish();
const pageShape = z.object({
  next: z.string().nullish(),
  values: z.array(z.object({ old: side, new: side })),
});

/** A change this large touches everything somewhere; listing it further would only burn the rate budget. */
const maxPages = 20;

/**
 * Paths that differ between two commits, from both sides of a rename; null when it cannot be known: a commit is gone after a
 * force push, the server timed out (555), the list is too long, or an entry names no file. `topic=false` compares the two trees themselves, which is
 * what will be served (reference/bitbucket-api.md §4.5). The order in the address is new..old.
 */
export async function readChangedPaths(
  rest: Rest,
  repository: Repository,
  from: string,
  to: string,
): Promise<string[] | null> {
  const { workspaceUuid, uuid } = repository;
  const paths = new Set<string>();
  let path: string | null = apiPath(
    ['repositories', workspaceUuid, uuid, 'diffstat', `${to}..${from}`],
    { topic: 'false', pagelen: '500', fields: 'next,values.old.path,values.new.path' },
  );
  try {
    for (let pages = 0; path !== null; pages += 1) {
      if (pages >= maxPages) return null;
      const page: z.infer<typeof pageShape> = await rest.read(
        { what: 'read diffstat', workspaceUuid, repositoryUuid: uuid, path },
        pageShape,
      );
      for (const { old, new: changed } of page.values) {
        if (!old && !changed) return null;
        if (old) paths.add(old.path);
        if (changed) paths.add(changed.path);
      }
      // Also behind an empty page: a list that ends too early would skip a push that matters.
      path = page.next ?? null;
    }
  } catch (error) {
    if (error instanceof BitbucketError && isUnknowable(error)) return null;
    throw error;
  }
  return [...paths];
}

function isUnknowable({ code, status }: BitbucketError): boolean {
  return code === 'repository_gone' || status === 555 || status === 404 || status === 400;
}
