import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PanelVisitor, type DeploymentRow } from '../../../src/demo/panel-visitor.js';
import { Bench, type Seed } from '../../sandbox/support.js';
import { tempFolder } from '../temp-folder.js';
import type { CliOptions } from './cli.js';
import { readDatabase, type Row } from './database.js';
import { removeTree } from './remove-tree.js';
import { SlipwayServer } from './slipway.js';
import { waitFor } from './wait-for.js';

export interface StatusWrite {
  key: string;
  state: string;
  description: string;
  url: string;
}

const ends = new Set(['live', 'failed', 'stopped', 'superseded']);

/**
 * Slipway in a process of its own, the sandbox in this one, on free ports and a fresh folder. The sandbox keeps its data on
 * disk, so that tests can look up there what only Bitbucket and the app know.
 */
export class Stage {
  readonly bench: Bench;
  readonly seed: Seed;
  readonly folder: string;
  readonly #settings: Record<string, string>;
  readonly #options: CliOptions;
  #server: SlipwayServer | null = null;
  #panel: PanelVisitor | null = null;

  private constructor(
    parts: { bench: Bench; seed: Seed; folder: string },
    settings: Record<string, string>,
    options: CliOptions,
  ) {
    this.bench = parts.bench;
    this.seed = parts.seed;
    this.folder = parts.folder;
    this.#settings = settings;
    this.#options = options;
  }

  /**
   * @param settings environment of the server, beside folder, port and addresses; a function where they depend on where
   *   Bitbucket is
   */
  static async open(
    settings: Record<string, string> | ((bitbucketUrl: string) => Record<string, string>) = {},
    options: CliOptions = {},
  ): Promise<Stage> {
    const folder = tempFolder('e2e').path;
    // Builds run under users of their own and must be able to walk to their files.
    chmodSync(folder, 0o711);
    const bench = await Bench.start({ dataDir: join(folder, 'bitbucket') });
    // Full of secrets, and not what the tests are about.
    chmodSync(join(folder, 'bitbucket'), 0o700);
    const environment = typeof settings === 'function' ? settings(bench.url) : settings;
    const stage = new Stage({ bench, seed: await bench.seed(), folder }, environment, options);
    try {
      await stage.start();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  get server(): SlipwayServer {
    if (!this.#server) throw new Error('the server is not started');
    return this.#server;
  }

  /** The first time, and again on the same data folder and port after a stop or a kill. */
  async start(more: CliOptions = {}): Promise<SlipwayServer> {
    const port = this.#server === null ? '0' : new URL(this.#server.url).port;
    this.#server = await SlipwayServer.start(
      {
        SLIPWAY_BITBUCKET_URL: this.bench.url,
        SLIPWAY_BITBUCKET_API_URL: this.bench.url,
        ...this.#settings,
        SLIPWAY_DATA_DIR: this.dataDir,
        PORT: port,
      },
      { ...this.#options, ...more },
    );
    return this.#server;
  }

  /** After a test that failed half-way. */
  async ensureRunning(): Promise<void> {
    if (!this.server.isRunning) await this.start();
  }

  async install(workspace = 'acme', user = 'ada'): Promise<void> {
    const descriptor_url = `${this.server.url}/atlassian-connect.json`;
    await this.bench.control('POST', 'apps/install', { workspace, user, descriptor_url });
  }

  async panelUrl(repository = 'acme/site', user = 'ada'): Promise<string> {
    const [workspace = ''] = repository.split('/');
    const query = new URLSearchParams({ workspace, repository, user });
    return (await this.bench.control<{ url: string }>('GET', `apps/panel-url?${query.toString()}`))
      .url;
  }

  async openPanel(repository = 'acme/site', user = 'ada'): Promise<PanelVisitor> {
    return PanelVisitor.open(await this.panelUrl(repository, user));
  }

  /** The panel of acme/site, opened once by ada. Its session survives restarts of the server. */
  async panel(): Promise<PanelVisitor> {
    return (this.#panel ??= await this.openPanel());
  }

  /** App installed and a target that deploys `main` of acme/site; returns the target's id. */
  async addTarget(fields: Record<string, string> = {}): Promise<string> {
    const apps = await this.bench.control<{ apps: { installed: boolean }[] }>('GET', 'apps');
    if (!apps.apps.some(({ installed }) => installed)) await this.install();
    return (await this.panel()).saveTarget({
      name: 'Production',
      backend: 'local',
      branchPattern: 'main',
      ...fields,
    });
  }

  async deployments(): Promise<DeploymentRow[]> {
    return (await this.panel()).deployments();
  }

  /** Waits until the deployment of a commit is over. */
  async outcome(commit: string, panel?: PanelVisitor): Promise<DeploymentRow> {
    const [row] = await this.outcomes(commit, 1, panel);
    if (!row) throw new Error('there is no such row');
    return row;
  }

  /** The same where several targets deploy it. */
  async outcomes(commit: string, count: number, panel?: PanelVisitor): Promise<DeploymentRow[]> {
    const visitor = panel ?? (await this.panel());
    return waitFor(
      `the end of ${count} deployments of ${commit.slice(0, 12)}`,
      async () => {
        const rows = (await visitor.deployments()).filter((row) => row.commit === commit);
        return rows.length >= count && rows.every(({ state }) => ends.has(state)) && rows;
      },
      { timeoutMs: 20_000, otherwise: () => this.server.stderr },
    );
  }

  /** Waits until nothing is queued or running any more. */
  async settled(): Promise<void> {
    await waitFor('every deployment to be over', async () =>
      (await this.deployments()).every(({ state }) => ends.has(state)),
    );
  }

  async statuses(commit: string, repository = 'acme/site'): Promise<StatusWrite[]> {
    const query = new URLSearchParams({ repository, commit });
    const path = `statuses?${query.toString()}`;
    return (await this.bench.control<{ statuses: StatusWrite[] }>('GET', path)).statuses;
  }

  /** Waits for the build status that ends it; returns every write, oldest first. */
  async finalStatuses(commit: string, repository = 'acme/site'): Promise<StatusWrite[]> {
    return waitFor(`the last build status of ${commit.slice(0, 12)}`, async () => {
      const writes = await this.statuses(commit, repository);
      return ['SUCCESSFUL', 'FAILED', 'STOPPED'].includes(writes.at(-1)?.state ?? '') && writes;
    });
  }

  /** Stored rows, read beside the running server. */
  rows(sql: string, ...values: (string | number)[]): Promise<Row[]> {
    return readDatabase(join(this.dataDir, 'slipway.sqlite'), sql, values);
  }

  async fault(fault: Record<string, unknown>): Promise<number> {
    return (await this.bench.control<{ id: number }>('POST', 'faults', fault)).id;
  }

  /** Waits until a fault was met by so many requests. */
  async faultMet(id: number, times = 1): Promise<void> {
    await waitFor('a request to meet the fault', async () => {
      const { faults } = await this.bench.control<{ faults: { id: number; used: number }[] }>(
        'GET',
        'faults',
      );
      return (faults.find((fault) => fault.id === id)?.used ?? 0) >= times;
    });
  }

  async clearFaults(): Promise<void> {
    await this.bench.control('DELETE', 'faults');
  }

  /** What Bitbucket itself has stored: the app's shared secrets, every token it gave out, people's passwords. */
  async bitbucketSecrets(installed = 1): Promise<BitbucketSecrets> {
    const file = join(this.bench.sandbox.dataDir, 'sandbox.json');
    return waitFor('the sandbox to save its data', () => {
      try {
        const secrets = secretsIn(JSON.parse(readFileSync(file, 'utf8')) as SandboxFile);
        return secrets.installations.length >= installed && secrets;
      } catch {
        return null;
      }
    });
  }

  /** For hooks; never rejects. */
  async close(): Promise<void> {
    await this.#server?.close();
    await this.bench.stop().catch(() => undefined);
    removeTree(this.folder);
  }
}

interface SandboxFile {
  users: Record<string, { nickname: string; git_password: string }>;
  installations: Record<string, { client_key: string; workspace_uuid: string; secret: string }>;
  tokens: Record<string, unknown>;
}

export interface BitbucketSecrets {
  installations: { clientKey: string; workspaceUuid: string; secret: string }[];
  tokens: string[];
  gitPasswords: string[];
}

function secretsIn(data: SandboxFile): BitbucketSecrets {
  const installations = Object.values(data.installations).map((one) => ({
    clientKey: one.client_key,
    workspaceUuid: one.workspace_uuid,
    secret: one.secret,
  }));
  return {
    installations: installations.filter(({ secret }) => secret !== ''),
    tokens: Object.keys(data.tokens),
    gitPasswords: Object.values(data.users).map((user) => user.git_password),
  };
}
