import { mkdir, realpath, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DeployFailure } from './deploy-failure.js';
import { chooseOutputFolder, detect, type Plan } from './detect.js';
import { fetchCommit } from './fetch-commit.js';
import { closeDataFolder } from './files-root.js';
import { resolveInside } from './inside-folder.js';
import { giveTree, removeTree } from './lock-tree.js';
import type { ReleaseFacts } from './records.js';
import { killUser } from '../../lib/run-command.js';
import { runStep, stepFailure, type BuildOrder, type WorkFolders } from './run-step.js';
import { commandName } from './shell.js';
import { assign, type Identity } from './users.js';

/** Fetch, build, release folder. Null when the run was told to end; throws `DeployFailure` for what went wrong. */
export async function buildRelease(order: BuildOrder): Promise<ReleaseFacts | null> {
  const folders = await openWorkFolders(order);
  try {
    await fetchSource(order, folders);
    order.run.log.nameFilesFrom(await realpath(folders.source));
    if (order.run.signal.aborted) return null;
    const root = await rootFolder(folders.source, order.settings.rootFolder);
    const plan = await detect(root, order.settings);
    order.run.log.note(
      `Recognised: ${plan.kind === 'static' ? 'static site' : 'app to start'}, because ${plan.because}`,
    );
    await runSteps(order, folders, root, plan);
    if (order.run.signal.aborted) return null;
    return await addRelease(order, folders, root, plan);
  } finally {
    await removeTree(folders.all);
  }
}

/** fetch + steps + release + (start) + switch */
export function stepsInAll(plan: Plan): number {
  return plan.steps.length + (plan.kind === 'process' ? 4 : 3);
}

async function openWorkFolders({ context, store, run }: BuildOrder): Promise<WorkFolders> {
  const all = store.paths.workOf(run.record.deploymentId);
  const folders: WorkFolders = {
    all,
    source: path.join(all, 'source'),
    gitHome: path.join(all, 'git-home'),
    temporary: path.join(all, 'tmp'),
    home: path.join(store.paths.homes, 'build'),
    staging: path.join(all, 'release'),
  };
  const { fetch, build, gid } = store.users;
  await removeTree(all);
  await mkdir(all, { recursive: true, mode: 0o700 });
  await assign(all, { uid: 0, gid }, 0o710);
  for (const [folder, user] of [
    [folders.source, fetch],
    [folders.gitHome, fetch],
    [folders.temporary, build],
    [folders.home, build],
  ] as const) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await assign(folder, { uid: user?.uid ?? 0, gid: user?.gid ?? null }, 0o700);
  }
  if (context.isolation === 'separate-user') {
    await closeDataFolder(context.options.dataDir, context.filesRoot);
  }
  for (const user of [fetch, build]) if (user !== null) await killUser(user);
  return folders;
}

async function fetchSource(order: BuildOrder, folders: WorkFolders): Promise<void> {
  const { context, store, run, request } = order;
  run.step(`Fetching commit ${request.commit.slice(0, 7)}`, 0, null);
  await fetchCommit(
    {
      folder: folders.source,
      home: folders.gitHome,
      identity: store.users.fetch,
      toolEnvironment: context.toolEnvironment,
      allowPlainHttp: context.options.allowPlainHttpGit,
      timeoutMs: context.limits.gitTimeoutMs,
      killGraceMs: context.limits.killGraceMs,
      signal: run.signal,
      onStart: (pid) => run.started(pid),
    },
    {
      cloneUrl: request.repository.cloneUrl,
      commit: request.commit,
      refType: request.refType,
      refName: request.refName,
      credential: (options) => request.cloneCredential(options),
      onCredential: ({ username, password }) => {
        run.masker.add(password);
        run.masker.add(Buffer.from(`${username}:${password}`).toString('base64'));
      },
      onWait: (words) => run.wait(words),
      limits: context.limits,
    },
  );
  await rm(path.join(folders.source, '.git'), { recursive: true, force: true });
  await giveTree(folders.source, store.users.build);
}

async function rootFolder(source: string, setting: string): Promise<string> {
  const found = await resolveInside(source, setting === '' ? '.' : setting);
  if (found.kind === 'outside') {
    throw new DeployFailure(
      `The root folder ${setting} leads out of the repository through a link. Choose another.`,
    );
  }
  if (found.kind === 'missing' || !(await stat(found.real)).isDirectory()) {
    throw new DeployFailure(
      `The root folder ${setting} is not in this commit. Correct it in the settings, or push it.`,
    );
  }
  return found.real;
}

async function runSteps(
  order: BuildOrder,
  folders: WorkFolders,
  root: string,
  plan: Plan,
): Promise<void> {
  const total = stepsInAll(plan);
  for (const [index, step] of plan.steps.entries()) {
    if (order.run.signal.aborted) return;
    order.run.step(`${step.words}: ${commandName(step.command)}`, index + 1, total);
    const end = await runStep(order, folders, root, step);
    order.run.log.endProgram();
    if (order.run.log.error !== null) throw order.run.log.error;
    if (end.kind === 'aborted' || (end.kind === 'exited' && end.code === 0)) continue;
    throw new DeployFailure(stepFailure(step, end, order));
  }
  order.run.step('Preparing the release', plan.steps.length + 1, total);
}

async function addRelease(
  { context, store, run, request, settings }: BuildOrder,
  folders: WorkFolders,
  root: string,
  plan: Plan,
): Promise<ReleaseFacts> {
  const output =
    plan.kind === 'static' ? (plan.folder ?? (await chooseOutputFolder(root, plan.before))) : null;
  const built = output === null ? folders.source : await outputFolder(folders.source, root, output);
  const sequence = store.state.sequence + 1;
  await store.update({ sequence });
  const facts: ReleaseFacts = {
    version: 1,
    name: `${sequence}-${request.commit.slice(0, 12)}`,
    deploymentId: run.record.deploymentId,
    commit: request.commit,
    refType: request.refType,
    refName: request.refName,
    kind: plan.kind,
    startCommand: plan.kind === 'process' ? plan.startCommand : null,
    startFolder: output === null ? path.relative(folders.source, root) : '',
    outputFolder: output,
    spaFallback: settings.spaFallback,
    healthPath: settings.healthPath,
    createdAt: context.options.clock(),
  };
  const builtBy: Identity | null = store.users.build;
  await store.releases.add(facts, { built, staging: folders.staging, builtBy });
  return facts;
}

async function outputFolder(source: string, root: string, setting: string): Promise<string> {
  // The root folder was inside before the build; the build may have put a link in its place.
  const found = await resolveInside(source, path.join(path.relative(source, root), setting));
  if (found.kind === 'outside') {
    throw new DeployFailure(
      `The output folder ${setting} leads out of the repository through a link. Choose another.`,
    );
  }
  if (found.kind === 'missing' || !(await stat(found.real)).isDirectory()) {
    throw new DeployFailure(
      `The build left no folder ${setting}. Correct the output folder in the settings.`,
    );
  }
  return found.real;
}
