import type { Repository } from '../state/model.js';
import type { Person } from './commits.js';
import type { GitRepositories } from './git-repositories.js';

/** `null` deletes the file. */
export type FileContent = Buffer | null;

export interface NewCommit {
  /** A commit hash, or null for a root commit. */
  parent: string | null;
  files: ReadonlyMap<string, FileContent>;
  message: string;
  author: Person;
  committer: Person;
  /** Milliseconds. */
  date: number;
}

/** fast-import must write to some ref; this one is hidden from clients (`transfer.hideRefs`). */
const scratchRef = 'refs/sandbox/scratch';

/** Writes a commit and returns its hash. No branch or tag moves. */
export async function writeCommit(
  git: GitRepositories,
  repository: Repository,
  commit: NewCommit,
): Promise<string> {
  const commands = [...commitCommands(commit), line('get-mark :1'), line('done')];
  const args = ['fast-import', '--quiet', '--done', '--force', '--date-format=raw'];
  return (await git.text(repository, args, Buffer.concat(commands))).trim();
}

function commitCommands(commit: NewCommit): Buffer[] {
  const when = `${Math.floor(commit.date / 1000)} +0000`;
  const parts = [
    line(`reset ${scratchRef}`),
    line(`commit ${scratchRef}`),
    line('mark :1'),
    line(`author ${identity(commit.author)} ${when}`),
    line(`committer ${identity(commit.committer)} ${when}`),
    ...data(Buffer.from(commit.message)),
  ];
  if (commit.parent !== null) parts.push(line(`from ${commit.parent}`));
  for (const [path, content] of commit.files) {
    if (content === null) {
      parts.push(line(`D ${quotePath(path)}`));
    } else {
      parts.push(line(`M 100644 inline ${quotePath(path)}`), ...data(content));
    }
  }
  parts.push(line(''));
  return parts;
}

function data(content: Buffer): Buffer[] {
  return [line(`data ${content.length}`), content, line('')];
}

function line(text: string): Buffer {
  return Buffer.from(`${text}\n`);
}

function identity(person: Person): string {
  const clean = (text: string) => text.replace(/[<>\n\0]/g, '');
  return `${clean(person.name)} <${clean(person.email)}>`;
}

/** fast-import reads paths as C strings when quoted. */
function quotePath(path: string): string {
  return `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A sentence when a path cannot be stored, undefined when it can. */
export function pathProblem(path: string): string | undefined {
  const segments = path.split('/');
  if (path === '' || path.includes('\0')) return 'a file path must not be empty';
  if (segments.some((s) => s === '' || s === '.' || s === '..' || s.toLowerCase() === '.git')) {
    return `"${path}" is not a path inside a repository`;
  }
  return undefined;
}

export interface NewTag {
  name: string;
  commit: string;
  message: string;
  tagger: Person;
  date: number;
}

/** Writes the object of an annotated tag; the ref is moved by the caller. */
export async function writeTagObject(
  git: GitRepositories,
  repository: Repository,
  tag: NewTag,
): Promise<string> {
  const text =
    `object ${tag.commit}\ntype commit\ntag ${tag.name}\n` +
    `tagger ${identity(tag.tagger)} ${Math.floor(tag.date / 1000)} +0000\n\n` +
    `${tag.message.endsWith('\n') ? tag.message : `${tag.message}\n`}`;
  return (await git.text(repository, ['mktag'], text)).trim();
}

/** Moves refs all at once; a missing object id deletes. */
export async function updateRefs(
  git: GitRepositories,
  repository: Repository,
  updates: readonly { ref: string; to: string | null }[],
): Promise<void> {
  // NUL-terminated fields; the last one of each command is the (unchecked) old value.
  const commands = updates.map(({ ref, to }) =>
    to === null ? `delete ${ref}\0\0` : `update ${ref}\0${to}\0\0`,
  );
  await git.run(repository, ['update-ref', '-z', '--stdin'], commands.join(''));
}
