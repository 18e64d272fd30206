import path from 'node:path';
import type { Readable } from 'node:stream';
import { runCommand, type CommandEnd, type Identity } from './run-command.js';

/** What git signs in with. */
export interface GitCredential {
  username: string;
  password: string;
}

export interface GitSurroundings {
  /** The new repository; exists and belongs to `identity`. */
  folder: string;
  /** Empty: git must not find anybody's settings. */
  home: string;
  identity: Identity | null;
  toolEnvironment: Readonly<Record<string, string>>;
  allowPlainHttp: boolean;
  timeoutMs: number;
  killGraceMs: number;
  signal: AbortSignal;
  /** For what reaches out; the rest is over in a moment. */
  onStart: (pid: number) => Promise<void>;
}

export interface GitAnswer {
  end: CommandEnd;
  /** Both streams, the last part of them. */
  output: string;
}

const keptOutput = 64 * 1024;

export async function runGit(
  surroundings: GitSurroundings,
  args: readonly string[],
  access?: { url: URL; credential: GitCredential },
): Promise<GitAnswer> {
  let output = '';
  const end = await runCommand({
    program: 'git',
    args,
    cwd: surroundings.folder,
    env: gitEnvironment(surroundings, access),
    identity: surroundings.identity,
    timeoutMs: surroundings.timeoutMs,
    killGraceMs: surroundings.killGraceMs,
    signal: surroundings.signal,
    onOutput: (chunk: Buffer, _from: Readable) => {
      output = `${output}${chunk.toString('utf8')}`.slice(-keptOutput);
    },
    ...(access === undefined ? {} : { onStart: surroundings.onStart }),
  });
  return { end, output };
}

/** Null: not a protocol that is fetched from. An address may carry a user name (`https://ada@…`); a secret in it must not reach argv. */
export function cloneUrlWithoutUser(text: string, allowPlainHttp: boolean): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return null;
  if (url.protocol !== 'https:' && !(allowPlainHttp && url.protocol === 'http:')) return null;
  url.username = '';
  url.password = '';
  return url;
}

/** Programs of this machine, wherever Slipway itself was started from. */
export function programPath(toolEnvironment: Readonly<Record<string, string>>): string {
  const usual = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin';
  return toolEnvironment['PATH'] ?? `${path.dirname(process.execPath)}:${usual}`;
}

function gitEnvironment(
  surroundings: GitSurroundings,
  access?: { url: URL; credential: GitCredential },
): Record<string, string> {
  const settings: [string, string][] = [
    ['credential.helper', ''],
    ['core.hooksPath', '/dev/null'],
    ['core.autocrlf', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    // A redirect would carry the credential to wherever the answer says.
    ['http.followRedirects', 'false'],
    ['http.lowSpeedLimit', '100'],
    ['http.lowSpeedTime', '60'],
  ];
  if (access !== undefined) {
    const { username, password } = access.credential;
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    settings.push([`http.${access.url.origin}/.extraHeader`, `Authorization: Basic ${basic}`]);
  }
  return {
    ...surroundings.toolEnvironment,
    PATH: programPath(surroundings.toolEnvironment),
    HOME: surroundings.home,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_ALLOW_PROTOCOL: surroundings.allowPlainHttp ? 'https:http' : 'https',
    GIT_CEILING_DIRECTORIES: path.dirname(surroundings.folder),
    // Through the environment, so that nothing of it is in a file or in the list of processes.
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}
