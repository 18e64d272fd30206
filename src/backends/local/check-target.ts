import { spawn } from 'node:child_process';
import type { BackendTarget, CheckProblem, CheckResult } from '../../core/backend.js';
import { programPath } from '../../lib/git-program.js';
import { exitOf } from '../../lib/run-command.js';
import { readSettings } from './settings.js';
import type { Identity } from './users.js';

/** Whether this target's settings can work here. Runs nothing of the repository. */
export async function checkTarget(
  target: BackendTarget,
  surroundings: { toolEnvironment: Readonly<Record<string, string>>; identity: Identity | null },
  signal: AbortSignal,
): Promise<CheckResult> {
  const reading = readSettings(target);
  const problems: CheckProblem[] = reading.ok ? [] : [...reading.problems];
  if (reading.ok) {
    const { startCommand, outputFolder, buildCommand } = reading.settings;
    if (startCommand !== '' && outputFolder !== '') {
      const message =
        'Set a start command or an output folder, not both: one starts an app, the other serves files.';
      problems.push({ field: 'outputFolder', message });
    }
    const needsNpm = /\bnpm\b/.test(`${buildCommand} ${startCommand}`);
    if (needsNpm && !(await runs('npm', surroundings, signal))) {
      problems.push({
        field: null,
        message:
          'npm is not installed on this machine, or builds may not run it. Ask its operator.',
      });
    }
  }
  if (!(await runs('git', surroundings, signal))) {
    problems.push({
      field: null,
      message: 'git is not installed on this machine, or builds may not run it. Ask its operator.',
    });
  }
  return problems.length === 0 ? { ok: true } : { ok: false, problems };
}

/** Tried as the user that builds: a program in the operator's own folder is of no use to it. */
async function runs(
  program: string,
  surroundings: { toolEnvironment: Readonly<Record<string, string>>; identity: Identity | null },
  signal: AbortSignal,
): Promise<boolean> {
  const child = spawn(program, ['--version'], {
    cwd: '/',
    env: { PATH: programPath(surroundings.toolEnvironment), HOME: '/nonexistent' },
    stdio: 'ignore',
    timeout: 10_000,
    signal,
    ...(surroundings.identity ?? {}),
  });
  const end = await exitOf(child);
  return end.kind === 'exited' && end.code === 0;
}
