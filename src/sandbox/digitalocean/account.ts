import { randomUUID } from 'node:crypto';
import { textOf, type JsonObject } from '../json.js';
import {
  isOver,
  type AppState,
  type CauseType,
  type CodeSource,
  type DeploymentState,
  type Phase,
  type Token,
} from './model.js';
import { partsOf } from './spec.js';

/** One DigitalOcean team: its tokens, its apps, and what happens to them. */
export class Account {
  readonly apps: AppState[] = [];
  readonly tokens: Token[] = [];
  readonly pages = new Map<string, string>();
  readonly #looked = new Set<string>();
  readonly #source: CodeSource;
  readonly #clock: () => number;

  constructor(source: CodeSource, clock: () => number) {
    this.#source = source;
    this.#clock = clock;
  }

  head(repository: string, branch: string): Promise<string | null> {
    return this.#source.head(repository, branch);
  }

  /** Whether it was never looked at before: detection takes a moment. */
  firstLook(what: string): boolean {
    const isFirst = !this.#looked.has(what);
    this.#looked.add(what);
    return isFirst;
  }

  now(): number {
    return this.#clock();
  }

  app(id: string): AppState | undefined {
    return this.apps.find((one) => one.id === id);
  }

  addApp(spec: JsonObject): AppState {
    const now = this.now();
    const app: AppState = {
      ...{ id: randomUUID(), spec, deployments: [], pinned: null, beforeRollback: null },
      ...{ createdAt: now, updatedAt: now },
    };
    this.apps.push(app);
    return app;
  }

  active(app: AppState): DeploymentState | undefined {
    return app.deployments.find(({ phase }) => phase === 'ACTIVE');
  }

  running(app: AppState): DeploymentState | undefined {
    return app.deployments.find((one) => !isOver(one));
  }

  /** From the head of each part's branch, as it is now (deploy-backends §1.3). Null: a branch is not to be had. */
  async deploy(app: AppState, type: CauseType): Promise<DeploymentState | null> {
    const commits = new Map<string, string>();
    for (const { name, repository, branch } of partsOf(app.spec)) {
      if (repository === null || branch === null) continue;
      const head = await this.#source.head(repository, branch);
      if (head === null) return null;
      commits.set(name, head);
    }
    return this.begin(app, type, commits);
  }

  begin(app: AppState, type: CauseType, commits: Map<string, string>): DeploymentState {
    const now = this.now();
    const running = this.running(app);
    // Not documented what a second request does to one under way; here the newer one wins.
    if (running) this.#become(running, 'SUPERSEDED');
    const deployment: DeploymentState = {
      ...{
        id: randomUUID(),
        spec: structuredClone(app.spec),
        type,
        phase: 'PENDING_BUILD',
        commits,
      },
      ...{ log: [], failure: null, previous: this.active(app)?.id ?? null },
      ...{ createdAt: now, updatedAt: now },
    };
    app.deployments.unshift(deployment);
    return deployment;
  }

  /** The next phase; building takes the code, the end of it decides. */
  async advance(app: AppState, deployment: DeploymentState): Promise<void> {
    switch (deployment.phase) {
      case 'PENDING_BUILD':
        return this.#become(deployment, 'BUILDING');
      case 'BUILDING':
        return this.#build(app, deployment);
      case 'PENDING_DEPLOY':
        return this.#become(deployment, 'DEPLOYING');
      case 'DEPLOYING':
        return this.#goLive(app, deployment);
      default:
    }
  }

  cancel(deployment: DeploymentState): void {
    this.#become(deployment, 'CANCELED');
  }

  supersede(deployment: DeploymentState): void {
    this.#become(deployment, 'SUPERSEDED');
  }

  fail(deployment: DeploymentState, step: 'build' | 'deploy', message: string): void {
    deployment.failure = { step, message };
    this.#become(deployment, 'ERROR');
  }

  async #build(app: AppState, deployment: DeploymentState): Promise<void> {
    const [part] = partsOf(deployment.spec);
    const commit = part && deployment.commits.get(part.name);
    if (!part?.repository || !commit || deployment.type === 'MANUAL_ROLLBACK') {
      return this.#become(deployment, 'PENDING_DEPLOY');
    }
    const result = await this.#source.build(part.repository, commit);
    deployment.log.push(...result.log);
    if (!result.ok) return this.fail(deployment, 'build', result.message);
    this.pages.set(`${app.id} ${commit}`, result.page);
    this.#become(deployment, 'PENDING_DEPLOY');
  }

  #goLive(app: AppState, deployment: DeploymentState): void {
    const before = this.active(app);
    if (before) this.#become(before, 'SUPERSEDED');
    this.#become(deployment, 'ACTIVE');
  }

  /** What the app's address shows. */
  page(app: AppState): string | null {
    const [commit = ''] = this.active(app)?.commits.values() ?? [];
    return this.pages.get(`${app.id} ${commit}`) ?? null;
  }

  #become(deployment: DeploymentState, phase: Phase): void {
    deployment.phase = phase;
    deployment.updatedAt = this.now();
  }

  nameOf(app: AppState): string {
    return textOf(app.spec['name']);
  }
}
