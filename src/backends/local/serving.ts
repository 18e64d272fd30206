import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '../../core/ports.js';
import { AppLog } from './app-log.js';
import { AppProcess } from './app-process.js';
import type { LocalContext } from './context.js';
import { DeployFailure, mostUsefulLine } from './deploy-failure.js';
import type { DeploymentRun } from './deployment-run.js';
import { closeDataFolder } from './files-root.js';
import { resolveInside } from './inside-folder.js';
import { removeTree } from './lock-tree.js';
import { Masker } from './masker.js';
import type { ReleaseFacts, TargetState } from './records.js';
import type { LocalSettings } from './settings.js';
import { shellEnvironment } from './shell.js';
import { Site } from './site.js';
import { lookUp } from './static-lookup.js';
import type { StaticRelease } from './static-site.js';
import type { TargetStore } from './target-store.js';
import { assign } from './users.js';

/** What one target serves now: its listener, and the app behind it when the release is one. */
export class Serving {
  readonly #context: LocalContext;
  readonly #store: TargetStore;
  readonly #logger: Logger;
  readonly #site: Site;
  #app: AppProcess | null = null;
  #appLog: AppLog | null = null;
  /** The old app while its last requests run. */
  readonly #leaving = new Map<AppProcess, Promise<void>>();

  constructor(context: LocalContext, store: TargetStore, logger: Logger) {
    this.#context = context;
    this.#store = store;
    this.#logger = logger;
    const host = context.options.listenHost ?? '127.0.0.1';
    this.#site = new Site(host, (error) => logger.error({ err: error }, 'local.site_failed'));
  }

  get url(): string | null {
    const { port } = this.#site;
    if (port === null) return null;
    const { publicHost } = this.#context.options;
    return `http://${publicHost.includes(':') ? `[${publicHost}]` : publicHost}:${port}/`;
  }

  /** False when the remembered port is taken (or there is none yet) and `mayChoose` is not set. */
  async listen(mayChoose: boolean): Promise<boolean> {
    if (this.#site.port !== null) return true;
    const remembered = this.#store.state.port;
    if (remembered !== null && (await this.#site.listen(remembered)) !== null) return true;
    if (!mayChoose) return false;
    const port = await this.#site.listen(0);
    if (remembered !== null) this.#logger.warn({ remembered, port }, 'local.port_taken');
    await this.#store.update({ port });
    return true;
  }

  /** Serves a release that proved itself before, after a restart of Slipway. */
  async resume(release: ReleaseFacts, settings: LocalSettings): Promise<void> {
    if (release.kind === 'static') {
      this.#pointToFiles();
      return;
    }
    const log = this.#openAppLog(release, settings);
    log.note('Slipway was restarted; the app is started again.');
    const app = await this.#prepareApp(release, settings, 0, log);
    app.start();
    this.#pointToApp(app, log);
  }

  /** Proves a release, then switches to it. False when the run was told to end before the switch. */
  async goLive(
    release: ReleaseFacts,
    settings: LocalSettings,
    run: DeploymentRun,
  ): Promise<boolean> {
    if (release.kind === 'static') {
      await this.#proveFiles(release);
      await this.listen(true);
      if (!run.beginSwitch()) return false;
      await this.#store.releases.makeCurrent(release.name);
      this.#leave();
      this.#pointToFiles();
      return true;
    }
    const index = this.#app?.order.userIndex === 0 ? 1 : 0;
    const log = this.#openAppLog(release, settings);
    const app = await this.#prepareApp(release, settings, index, log, run);
    try {
      await this.#proveApp(app, run);
      await this.listen(true);
      if (!run.beginSwitch()) {
        await app.stop(this.#context.limits.killGraceMs);
        return false;
      }
      await this.#store.releases.makeCurrent(release.name);
    } catch (error) {
      await app.stop(this.#context.limits.killGraceMs);
      throw error;
    }
    this.#leave();
    this.#pointToApp(app, log);
    app.keepAlive();
    return true;
  }

  /** Ends apps and listener. */
  async close(graceMs: number): Promise<void> {
    const apps = [...this.#leaving.keys()];
    if (this.#app !== null) apps.push(this.#app);
    await Promise.all([this.#site.close(), ...apps.map((app) => app.stop(graceMs))]);
    await Promise.all(this.#leaving.values());
    await this.#appLog?.close();
    this.#app = null;
  }

  async #proveFiles(release: ReleaseFacts): Promise<void> {
    const root = await realpath(this.#store.releases.files(release.name));
    const asked = release.healthPath === '' ? '/' : release.healthPath;
    const found = await lookUp(root, asked);
    if (found.kind === 'file' || found.kind === 'redirect') return;
    const folder =
      release.outputFolder === null || release.outputFolder === '.'
        ? 'the root folder'
        : release.outputFolder;
    if (asked === '/') {
      throw new DeployFailure(
        `There is no index.html in ${folder}. Correct the output folder, or push the page.`,
      );
    }
    if (release.spaFallback && (await lookUp(root, '/')).kind === 'file') return;
    throw new DeployFailure(
      `The health path ${asked} is not a page of the site. Correct it in the settings, or push the page.`,
    );
  }

  async #proveApp(app: AppProcess, run: DeploymentRun): Promise<void> {
    try {
      await app.startAndProve(run.signal);
    } catch (error) {
      run.log.endProgram();
      if (!(error instanceof DeployFailure)) throw error;
      const line = mostUsefulLine(run.log.tail);
      throw new DeployFailure(line === null ? `${error.reason}.` : `${error.reason}: ${line}`);
    }
    run.log.endProgram();
  }

  async #prepareApp(
    release: ReleaseFacts,
    settings: LocalSettings,
    index: 0 | 1,
    log: AppLog,
    run?: DeploymentRun,
  ): Promise<AppProcess> {
    // Two apps never share a user: ending one would end both.
    for (const [app, left] of this.#leaving) {
      if (app.order.userIndex !== index) continue;
      await Promise.all([app.stop(this.#context.limits.killGraceMs), left]);
    }
    const { limits, toolEnvironment, options, isolation, filesRoot } = this.#context;
    if (isolation === 'separate-user') await closeDataFolder(options.dataDir, filesRoot);
    const files = this.#store.releases.files(release.name);
    const folder = await resolveInside(
      files,
      release.startFolder === '' ? '.' : release.startFolder,
    );
    if (folder.kind !== 'inside')
      throw new DeployFailure('The root folder leads out of the release.');
    const home = await this.#emptyHome(index);
    const environment = shellEnvironment({
      toolEnvironment,
      folder: folder.real,
      home,
      temporary: path.join(home, 'tmp'),
      deploymentId: release.deploymentId,
      commit: release.commit,
      refType: release.refType,
      refName: release.refName,
      own: { NODE_ENV: 'production', ...settings.environment },
    });
    return new AppProcess({
      command: release.startCommand ?? '',
      folder: folder.real,
      environment,
      identity: this.#store.users.apps[index],
      userIndex: index,
      healthPath: release.healthPath,
      limits,
      logger: this.#logger,
      // Until it is live, what it prints belongs to the deployment.
      onOutput: (chunk, from) => {
        if (run !== undefined && !run.log.isClosed) run.log.take(chunk, from);
        else log.take(chunk, from);
      },
      onNote: (text) => log.note(text),
      onMark: (mark) => {
        const apps: TargetState['apps'] = [...this.#store.state.apps];
        apps[index] = mark;
        return this.#store.update({ apps });
      },
    });
  }

  #openAppLog(release: ReleaseFacts, settings: LocalSettings): AppLog {
    const file = this.#store.paths.appLog(release.deploymentId);
    return new AppLog(file, new Masker(settings.secretValues), this.#context.limits.appLogBytes);
  }

  async #emptyHome(index: 0 | 1): Promise<string> {
    const home = path.join(this.#store.paths.homes, `app-${index}`);
    const user = this.#store.users.apps[index];
    await removeTree(home);
    for (const folder of [home, path.join(home, 'tmp')]) {
      await mkdir(folder, { mode: 0o700 });
      await assign(folder, { uid: user?.uid ?? 0, gid: user?.gid ?? null }, 0o700);
    }
    return home;
  }

  #pointToFiles(): void {
    this.#site.serving = { kind: 'static', release: () => this.#currentRelease() };
  }

  #pointToApp(app: AppProcess, log: AppLog): void {
    this.#app = app;
    this.#appLog = log;
    this.#site.serving = { kind: 'app', port: () => app.port, using: (done) => app.using(done) };
  }

  /** The link on disk is asked for every request: it alone says what is live. */
  async #currentRelease(): Promise<StaticRelease | null> {
    const current = await this.#store.releases.current();
    if (current === null) return null;
    const { name, since } = current;
    const facts = await this.#store.releases.facts(name);
    if (facts === null) return null;
    return { name, since, files: this.#store.releases.files(name), spaFallback: facts.spaFallback };
  }

  /** Lets the app that served until now finish its requests and end, without holding anybody up. */
  #leave(): void {
    const app = this.#app;
    const log = this.#appLog;
    this.#app = null;
    this.#appLog = null;
    if (app === null) return;
    const { drainMs, killGraceMs } = this.#context.limits;
    const left = app
      .drainAndStop(drainMs, killGraceMs)
      .then(() => log?.close())
      .catch((error: unknown) => this.#logger.error({ err: error }, 'local.app_end_failed'))
      .finally(() => this.#leaving.delete(app));
    this.#leaving.set(app, left);
  }
}
