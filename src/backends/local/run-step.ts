import type { TriggerRequest } from '../../core/backend.js';
import type { LocalContext } from './context.js';
import { mostUsefulLine } from './deploy-failure.js';
import type { DeploymentRun } from './deployment-run.js';
import type { BuildStep } from './detect.js';
import { runCommand, type CommandEnd } from '../../lib/run-command.js';
import type { LocalSettings } from './settings.js';
import { commandName, duration, shellCommand, shellEnvironment } from './shell.js';
import type { TargetStore } from './target-store.js';

export interface BuildOrder {
  context: LocalContext;
  store: TargetStore;
  run: DeploymentRun;
  request: TriggerRequest;
  settings: LocalSettings;
}

export interface WorkFolders {
  all: string;
  source: string;
  gitHome: string;
  temporary: string;
  home: string;
  staging: string;
}

/** One command of a build, as the build's user and with nothing of our environment. */
export async function runStep(
  { context, store, run, request, settings }: BuildOrder,
  folders: WorkFolders,
  root: string,
  step: BuildStep,
): Promise<CommandEnd> {
  const own: Record<string, string> = { CI: '1', ...settings.environment };
  // With NODE_ENV=production npm would leave out what the build needs.
  if (step.isInstall) delete own['NODE_ENV'];
  return runCommand({
    ...shellCommand(step.command, store.users.build),
    cwd: root,
    env: shellEnvironment({
      toolEnvironment: context.toolEnvironment,
      folder: root,
      home: folders.home,
      temporary: folders.temporary,
      deploymentId: run.record.deploymentId,
      commit: request.commit,
      refType: request.refType,
      refName: request.refName,
      own,
    }),
    identity: store.users.build,
    timeoutMs: context.limits.buildTimeoutMs,
    killGraceMs: context.limits.killGraceMs,
    signal: run.signal,
    onOutput: (chunk, from) => run.log.take(chunk, from),
    onStart: (pid) => run.started(pid),
  });
}

/** Why it failed, in one sentence with the most useful line of its output. */
export function stepFailure(
  step: BuildStep,
  end: CommandEnd,
  { context, run }: BuildOrder,
): string {
  const name = commandName(step.command);
  if (end.kind === 'timeout') {
    return `${name} took longer than ${duration(context.limits.buildTimeoutMs)} and was ended.`;
  }
  if (end.kind === 'killed') {
    return `${name} was killed by ${end.signal}; this machine may be short of memory.`;
  }
  if (end.kind !== 'exited') return `${name} could not be started on this machine.`;
  const tail = run.log.tail;
  if (tail.some((line) => /\bENOSPC\b|no space left on device/i.test(line))) {
    return 'The disk of this machine is full. Free some space, then redeploy.';
  }
  const program = name.split(/\s/)[0] ?? name;
  if (end.code === 127 && tail.some((line) => line.endsWith(`${program}: not found`))) {
    return `${program} is not installed on this machine. Ask its operator to install it, then redeploy.`;
  }
  const line = mostUsefulLine(tail);
  return `${name} exited with code ${end.code}${line === null ? '' : `: ${line}`}`;
}
