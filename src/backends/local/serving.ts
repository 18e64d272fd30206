import { realpath } from 'node:fs/promises';
import type { Logger } from '../../core/ports.js';
import { AppLog } from './app-log.js';
import type { AppProcess } from './app-process.js';
import type { LocalContext } from './context.js';
import { DeployFailure, mostUsefulLine } from './deploy-failure.js';
import type { DeploymentRun } from './deployment-run.js';
import { Masker } from './masker.js';
import { prepareApp } from './prepare-app.js';
import type { ReleaseFacts } from './records.js';
import type { LocalSettings } from './settings.js';
import { Site } from './site.js';
import { lookUp } from './static-lookup.js';
import type { StaticRelease } from './static-site.js';
import type { TargetStore } from './target-store.js';

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
    const app = await this.#prepare(release, settings, 0, log);
    app.keepAlive();
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
    await this.#freeUser(index);
    const app = await this.#prepare(release, settings, index, log, run);
    try {
      await this.#proveApp(app, release, run);
      await this.listen(true);
      if (!run.beginSwitch()) {
        await app.stop(this.#context.limits.killGraceMs);
        return false;
      }
      // From a site to an app: until the app answers, the files of the old release do, not those of the new one.
      const before = await this.#currentRelease();
      if (this.#app === null) this.#pointToFiles(before);
      await this.#store.releases.makeCurrent(release.name);
    } catch (error) {
      if (this.#app === null) this.#pointToFiles();
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

  async #proveApp(app: AppProcess, release: ReleaseFacts, run: DeploymentRun): Promise<void> {
    run.log.nameFilesFrom(await realpath(this.#store.releases.files(release.name)));
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

  /** Two apps never share a user: ending one would end both. */
  async #freeUser(index: 0 | 1): Promise<void> {
    for (const [app, left] of this.#leaving) {
      if (app.order.userIndex !== index) continue;
      await Promise.all([app.stop(this.#context.limits.killGraceMs), left]);
    }
  }

  #prepare(
    release: ReleaseFacts,
    settings: LocalSettings,
    userIndex: 0 | 1,
    log: AppLog,
    run?: DeploymentRun,
  ): Promise<AppProcess> {
    return prepareApp(
      { context: this.#context, store: this.#store, logger: this.#logger },
      { release, settings, userIndex, log, ...(run === undefined ? {} : { buildLog: run.log }) },
    );
  }

  #openAppLog(release: ReleaseFacts, settings: LocalSettings): AppLog {
    const file = this.#store.paths.appLog(release.deploymentId);
    return new AppLog(file, new Masker(settings.secretValues), this.#context.limits.appLogBytes);
  }

  #pointToFiles(always?: StaticRelease | null): void {
    const release = () => (always === undefined ? this.#currentRelease() : Promise.resolve(always));
    this.#site.serving = { kind: 'static', release };
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
    // An app's files are no site: nobody is to read its source.
    if (facts?.kind !== 'static') return null;
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
