import { errorCode } from './durable-file.js';

/** An end of a deployment that was foreseen. `reason` is what the person reads. */
export class DeployFailure extends Error {
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.name = 'DeployFailure';
    this.reason = reason;
  }
}

/** It cannot go on now, and is to be begun again when it can; nothing of it counts. `message` is for its log. */
export class DeployPostponed extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DeployPostponed';
  }
}

/** Why a running deployment was told to end; the reason of its abort signal. */
export type StopCause = 'cancelled' | 'stopping' | 'removed';

/** A sentence for any error. Texts of unforeseen errors stay in our log: they may hold paths or more. */
export function reasonOf(error: unknown): string {
  if (error instanceof DeployFailure) return error.reason;
  return (
    diskSentence(error) ??
    'Slipway could not finish this deployment; its own log says why. Redeploy to try again.'
  );
}

export function diskSentence(error: unknown): string | null {
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk of this machine is full. Free some space, then redeploy.';
    case 'EROFS':
      return 'The disk of this machine is read-only. Repair it, then redeploy.';
    case 'EMFILE':
    case 'ENFILE':
      return 'This machine has too many files open. Redeploy in a moment.';
    default:
      return null;
  }
}

/** The line of a program's output that says most about why it failed; null when it said nothing. */
export function mostUsefulLine(lines: readonly string[]): string | null {
  const spoken = lines.map((line) => line.trim()).filter((line) => line !== '' && !isNoise(line));
  const telling = spoken.findLast((line) =>
    /error|fail|cannot|can't|not found|no such|denied|refused|missing|unexpected|ENO|EACCES/i.test(
      line,
    ),
  );
  const chosen = telling ?? spoken.at(-1) ?? null;
  return chosen === null ? null : chosen.slice(0, 300);
}

function isNoise(line: string): boolean {
  return (
    line.startsWith('» ') ||
    /^npm (ERR!|error) (A complete log|Lifecycle script|code \w+$|path |workspace |location |command )/.test(
      line,
    ) ||
    /^npm (ERR!|error)\s*$/.test(line) ||
    /debug-\d+\.log$/.test(line) ||
    /^Node\.js v\d/.test(line) ||
    /^at .*[:(]/.test(line)
  );
}
