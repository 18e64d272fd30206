import { randomBytes } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { Balancer } from '../../../src/demo/balancer.js';
import { freePort } from '../../../src/demo/free-port.js';
import { PanelVisitor, type DeploymentRow } from '../../../src/demo/panel-visitor.js';
import { Bench } from '../../sandbox/support.js';
import { tempFolder } from '../temp-folder.js';
import { removeTree } from './remove-tree.js';
import { SlipwayServer } from './slipway.js';
import { waitFor } from './wait-for.js';

export interface ClusterNode {
  name: string;
  /** Where this node itself listens; people and Bitbucket come through the balancer. */
  address: string;
  server: SlipwayServer;
}

const ends = new Set(['live', 'failed', 'stopped', 'superseded', 'handed_off']);

/** Several nodes as processes of their own on one PostgreSQL, behind a balancer; the sandbox in this process. */
export class ClusterStage {
  readonly bench: Bench;
  readonly folder: string;
  readonly balancer: Balancer;
  readonly nodes = new Map<string, ClusterNode>();
  readonly #databaseUrl: string;
  readonly #masterKey = randomBytes(32).toString('base64');

  private constructor(parts: {
    bench: Bench;
    folder: string;
    balancer: Balancer;
    databaseUrl: string;
  }) {
    this.bench = parts.bench;
    this.folder = parts.folder;
    this.balancer = parts.balancer;
    this.#databaseUrl = parts.databaseUrl;
  }

  static async open(databaseUrl: string): Promise<ClusterStage> {
    const folder = tempFolder('cluster').path;
    // Builds run under users of their own and must be able to walk to their files.
    chmodSync(folder, 0o711);
    const bench = await Bench.start({ dataDir: join(folder, 'bitbucket') });
    chmodSync(join(folder, 'bitbucket'), 0o700);
    await bench.seed();
    return new ClusterStage({ bench, folder, databaseUrl, balancer: await Balancer.start(0) });
  }

  /** What all nodes share. */
  get settings(): Record<string, string> {
    return {
      DATABASE_URL: this.#databaseUrl,
      SLIPWAY_BASE_URL: this.balancer.url,
      SLIPWAY_MASTER_KEY: this.#masterKey,
      SLIPWAY_BITBUCKET_URL: this.bench.url,
      SLIPWAY_BITBUCKET_API_URL: this.bench.url,
    };
  }

  /** @param settings of this node alone */
  async start(name: string, settings: Record<string, string> = {}): Promise<ClusterNode> {
    const port = await freePort();
    const server = await SlipwayServer.start({
      ...this.settings,
      ...settings,
      SLIPWAY_DATA_DIR: join(this.folder, name),
      PORT: String(port),
    });
    const node = { name, address: `http://127.0.0.1:${port}`, server };
    this.nodes.set(name, node);
    this.balancer.lead([...this.nodes.values()].map(({ address }) => address));
    return node;
  }

  async panelUrl(repository = 'acme/site', user = 'ada'): Promise<string> {
    const [workspace = ''] = repository.split('/');
    const query = new URLSearchParams({ workspace, repository, user });
    const path = `apps/panel-url?${query.toString()}`;
    return (await this.bench.control<{ url: string }>('GET', path)).url;
  }

  /** The app in the workspace acme, and the panel of acme/site. */
  async install(): Promise<PanelVisitor> {
    const descriptor_url = `${this.balancer.url}/atlassian-connect.json`;
    await this.bench.control('POST', 'apps/install', {
      ...{ workspace: 'acme', user: 'ada', descriptor_url },
    });
    return PanelVisitor.open(await this.panelUrl());
  }

  async outcome(panel: PanelVisitor, commit: string): Promise<DeploymentRow> {
    return waitFor(
      `the end of the deployment of ${commit.slice(0, 12)}`,
      async () => {
        const row = (await panel.deployments()).find((one) => one.commit === commit);
        return row && ends.has(row.state) ? row : null;
      },
      { timeoutMs: 30_000, otherwise: () => this.#logs() },
    );
  }

  /** For hooks; never rejects. */
  async close(): Promise<void> {
    for (const { server } of this.nodes.values()) await server.close();
    await this.balancer.close();
    await this.bench.stop().catch(() => undefined);
    removeTree(this.folder);
  }

  #logs(): string {
    return [...this.nodes.values()]
      .map(({ name, server }) => `--- ${name}\n${server.stderr}`)
      .join('\n');
  }
}
