import type { GitAnswer } from './git-program.js';

/** What a `git fetch` came to, read from its exit code and English messages (LC_ALL=C). */
export type FetchResult =
  | { kind: 'done' }
  /** The server does not hand out commits by hash, or does not have this one: ask for the branch. */
  | { kind: 'hash_refused' }
  | { kind: 'ref_missing' }
  | { kind: 'repository_missing' }
  | { kind: 'access_refused' }
  /** Worth trying again: network, overload, a cut connection. */
  | { kind: 'unreachable'; line: string }
  | { kind: 'timeout' }
  | { kind: 'aborted' }
  | { kind: 'git_missing' }
  | { kind: 'broken'; line: string };

export function readFetchAnswer(answer: GitAnswer): FetchResult {
  const { end, output } = answer;
  if (end.kind === 'aborted' || end.kind === 'timeout') return { kind: end.kind };
  if (end.kind === 'not_started') return notStarted(end.error);
  if (end.kind === 'exited' && end.code === 0) return { kind: 'done' };
  const line = lastLine(output);
  if (/no space left on device|disk quota exceeded/i.test(output)) {
    return {
      kind: 'broken',
      line: 'The disk of this machine is full. Free some space, then redeploy.',
    };
  }
  if (/authentication failed|could not read (username|password)|error: 40[13]\b/i.test(output)) {
    return { kind: 'access_refused' };
  }
  if (/repository '.*' not found|error: 404\b/i.test(output)) return { kind: 'repository_missing' };
  if (/couldn't find remote ref/i.test(output)) return { kind: 'ref_missing' };
  if (/not our ref|unadvertised object|does not allow request/i.test(output)) {
    return { kind: 'hash_refused' };
  }
  if (/transport '.*' not allowed/i.test(output)) {
    return {
      kind: 'broken',
      line: 'The repository address is not https, and only https is fetched from.',
    };
  }
  if (
    /unable to access|rpc failed|early eof|remote end hung up|unexpected disconnect|timed out|error: 5\d\d\b|error: 429\b|connection/i.test(
      output,
    )
  ) {
    return { kind: 'unreachable', line };
  }
  return { kind: 'broken', line };
}

function notStarted(error: Error): FetchResult {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'EACCES') return { kind: 'git_missing' };
  return { kind: 'broken', line: 'git could not be started' };
}

/** The last line that speaks, without git's own prefix. */
function lastLine(output: string): string {
  const lines = output.split(/[\r\n]+/).filter((line) => /^(fatal|error|remote):/.test(line));
  const line =
    lines.findLast((text) => text.startsWith('fatal:')) ?? lines.at(-1) ?? 'git said nothing';
  return line.replace(/^(fatal|error|remote):\s*/, '').slice(0, 300);
}
