import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../core/ports.js';
import type { AppLog } from './app-log.js';
import { AppProcess } from './app-process.js';
import type { BuildLog } from './build-log.js';
import type { LocalContext } from './context.js';
import { DeployFailure } from './deploy-failure.js';
import { closeDataFolder } from './files-root.js';
import { resolveInside } from './inside-folder.js';
import { removeTree } from './lock-tree.js';
import type { ReleaseFacts, TargetState } from './records.js';
import type { LocalSettings } from './settings.js';
import { shellEnvironment } from './shell.js';
import type { TargetStore } from './target-store.js';
import { assign } from './users.js';

export interface AppWish {
  release: ReleaseFacts;
  settings: LocalSettings;
  userIndex: 0 | 1;
  log: AppLog;
  /** Until it is live, what the app prints belongs to the deployment. */
  buildLog?: BuildLog;
}

/** Everything an app of a release needs before it can be started; starts nothing. */
export async function prepareApp(
  { context, store, logger }: { context: LocalContext; store: TargetStore; logger: Logger },
  { release, settings, userIndex, log, buildLog }: AppWish,
): Promise<AppProcess> {
  const { limits, toolEnvironment, options, isolation, filesRoot } = context;
  if (isolation === 'separate-user') await closeDataFolder(options.dataDir, filesRoot);
  const folder = await startFolder(store, release);
  const home = await emptyHome(store, userIndex);
  return new AppProcess({
    command: release.startCommand ?? '',
    folder,
    environment: shellEnvironment({
      toolEnvironment,
      folder,
      home,
      temporary: path.join(home, 'tmp'),
      deploymentId: release.deploymentId,
      commit: release.commit,
      refType: release.refType,
      refName: release.refName,
      own: { NODE_ENV: 'production', ...settings.environment },
    }),
    identity: store.users.apps[userIndex],
    userIndex,
    healthPath: release.healthPath,
    limits,
    logger,
    onOutput: (chunk, from) => {
      if (buildLog !== undefined && !buildLog.isClosed) buildLog.take(chunk, from);
      else log.take(chunk, from);
    },
    onNote: (text) => log.note(text),
    onMark: (mark) => {
      const apps: TargetState['apps'] = [...store.state.apps];
      apps[userIndex] = mark;
      return store.update({ apps });
    },
  });
}

async function startFolder(store: TargetStore, release: ReleaseFacts): Promise<string> {
  const files = store.releases.files(release.name);
  const found = await resolveInside(files, release.startFolder === '' ? '.' : release.startFolder);
  if (found.kind === 'inside') return found.real;
  throw new DeployFailure('The root folder leads out of the release. Choose another.');
}

/** Its only place to write, empty at every start: what is to stay belongs in a database. */
async function emptyHome(store: TargetStore, userIndex: 0 | 1): Promise<string> {
  const home = path.join(store.paths.homes, `app-${userIndex}`);
  const user = store.users.apps[userIndex];
  await removeTree(home);
  for (const folder of [home, path.join(home, 'tmp')]) {
    await mkdir(folder, { mode: 0o700 });
    await assign(folder, { uid: user?.uid ?? 0, gid: user?.gid ?? null }, 0o700);
  }
  return home;
}
