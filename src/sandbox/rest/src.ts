import { resolveCommit } from '../git/refs.js';
import { findEntry, listDirectory, readBlob, type TreeEntry } from '../git/tree.js';
import type { JsonObject } from '../json.js';
import { parentShape } from '../shapes/commits.js';
import { hrefs } from '../shapes/links.js';
import type { Repository } from '../state/model.js';
import { commitContext, type World } from '../world.js';
import { ok, param, repositoryOf, type Call, type Result } from './call.js';
import { commitNotFound, RestError } from './errors.js';
import { listResult } from './list.js';

const contentTypes: Record<string, string> = {
  css: 'text/css',
  html: 'text/html',
  js: 'text/javascript',
  json: 'application/json',
  md: 'text/markdown',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  yml: 'text/yaml',
  yaml: 'text/yaml',
};

/** `src/{commit}/{path}` (bitbucket-api §4.6): a file's bytes, or what lies in a directory. */
export async function readSource(call: Call): Promise<Result> {
  const { world } = call;
  const repository = repositoryOf(call);
  const revision = param(call, 'commit');
  const commit = await resolveCommit(world.git, repository, revision);
  if (commit === undefined) throw commitNotFound(revision);
  const path = param(call, 'path').replace(/\/$/, '');
  const entry = path === '' ? undefined : await findEntry(world.git, repository, commit, path);
  if (path !== '' && !entry) throw new RestError(404, `No such file or directory: ${path}`);
  const meta = call.exchange.query.get('format') === 'meta';
  if (!entry || entry.kind === 'directory') {
    if (meta && entry) return ok(entryShape(world, repository, commit, entry));
    return listEntries(call, repository, commit, path);
  }
  return meta
    ? ok(entryShape(world, repository, commit, entry))
    : rawFile(world, repository, entry);
}

async function listEntries(
  call: Call,
  repository: Repository,
  commit: string,
  path: string,
): Promise<Result> {
  const { world } = call;
  const depth = Number(call.exchange.query.get('max_depth') ?? 1);
  const entries = await listDirectory(world.git, repository, commit, path, depth > 1);
  const own = path === '' ? 0 : path.split('/').length;
  const near = entries.filter((entry) => entry.path.split('/').length - own <= depth);
  const values = near.map((entry) => entryShape(world, repository, commit, entry));
  return listResult(call, values);
}

function entryShape(
  world: World,
  repository: Repository,
  commit: string,
  entry: TreeEntry,
): JsonObject {
  const context = commitContext(world, repository);
  const self = world.links.repositoryApi(context.fullName, 'src', commit, entry.path);
  const common = {
    path: entry.path,
    commit: parentShape(context, commit),
    links: hrefs({
      self: entry.kind === 'directory' ? `${self}/` : self,
      meta: `${self}?format=meta`,
    }),
  };
  if (entry.kind === 'directory') return { type: 'commit_directory', ...common };
  return {
    type: 'commit_file',
    ...common,
    size: entry.size,
    attributes: attributes(entry),
    escaped_path: encodeURI(entry.path),
  };
}

function attributes(entry: TreeEntry): string[] {
  if (entry.kind === 'submodule') return ['subrepository'];
  if (entry.mode === '120000') return ['link'];
  return entry.mode === '100755' ? ['executable'] : [];
}

/** No charset, and always an attachment, so that no browser runs it. */
async function rawFile(world: World, repository: Repository, entry: TreeEntry): Promise<Result> {
  const name = entry.path.split('/').at(-1) ?? '';
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return {
    reply: {
      status: 200,
      headers: {
        'Content-Type': contentTypes[extension] ?? 'application/octet-stream',
        'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name)}`,
        // Depends on content and attributes only, not on the path or commit.
        ETag: `"${entry.mode}-${entry.object}"`,
      },
      body: await readBlob(world.git, repository, entry.object),
    },
  };
}
