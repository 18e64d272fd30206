import path from 'node:path';
import { programPath } from '../../lib/git-program.js';
import type { Identity } from './users.js';

/** Enough for any build; a fork bomb under a user of its own ends here and not with the machine. */
const processLimit = 4096;

/** A command line as `sh` runs it: one stream for both outputs, so that lines keep their order. */
export function shellCommand(
  command: string,
  identity: Identity | null,
): { program: string; args: string[] } {
  // Shells disagree about the letter. The command itself comes as a parameter, so its line numbers stay right.
  const limit = `ulimit -u ${processLimit} 2>/dev/null || ulimit -p ${processLimit} 2>/dev/null`;
  const prelude = identity === null ? 'exec 2>&1' : `exec 2>&1; ulimit -c 0; ${limit}`;
  return { program: '/bin/sh', args: ['-c', `${prelude}\nexec /bin/sh -c "$1"`, 'sh', command] };
}

export interface SurroundingFacts {
  toolEnvironment: Readonly<Record<string, string>>;
  /** Where the command runs. */
  folder: string;
  home: string;
  temporary: string;
  deploymentId: string;
  commit: string;
  refType: string;
  refName: string;
  /** The target's own variables. */
  own: Readonly<Record<string, string>>;
}

/** The whole environment of a build or an app. Nothing of Slipway's own environment is in it. */
export function shellEnvironment(facts: SurroundingFacts): Record<string, string> {
  const programs = programPath(facts.toolEnvironment);
  return {
    ...facts.toolEnvironment,
    LANG: 'C.UTF-8',
    SHELL: '/bin/sh',
    USER: 'slipway',
    LOGNAME: 'slipway',
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    ...facts.own,
    PATH: `${path.join(facts.folder, 'node_modules', '.bin')}:${programs}`,
    HOME: facts.home,
    TMPDIR: facts.temporary,
    // git must not find a repository above the work folder.
    GIT_CEILING_DIRECTORIES: path.dirname(facts.folder),
    SOURCE_COMMIT: facts.commit,
    SLIPWAY_DEPLOYMENT: facts.deploymentId,
    [facts.refType === 'tag' ? 'SLIPWAY_TAG' : 'SLIPWAY_BRANCH']: facts.refName,
  };
}

/** How a command is named in a sentence. */
export function commandName(command: string): string {
  const line = command.split('\n')[0]?.trim() ?? '';
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

export function duration(ms: number): string {
  if (ms >= 120_000) return `${Math.round(ms / 60_000)} minutes`;
  return ms >= 2000 ? `${Math.round(ms / 1000)} seconds` : `${ms} milliseconds`;
}
