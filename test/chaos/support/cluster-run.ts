import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Balancer } from '../../../src/demo/balancer.js';
import { PanelVisitor } from '../../../src/demo/panel-visitor.js';
import { removeTree } from '../../support/e2e/remove-tree.js';
import { readDatabase } from '../../support/e2e/database.js';
import { SlipwayServer } from '../../support/e2e/slipway.js';
import { waitFor } from '../../support/e2e/wait-for.js';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { Boundaries } from './boundaries.js';
import { FakeBitbucket } from './fake-bitbucket.js';
import { freePort } from './http.js';
import { Journal } from './journal.js';
import { judge, unfinished, type Verdict } from './judge.js';
import { Outages, type OutageFigures } from './outages.js';
import { Random } from './random.js';
import { Receiver, type ReceiverLine, type Weather } from './receiver.js';
import { Door, UnderWay } from './under-way.js';

export interface ClusterRunOptions {
  seed: string;
  seconds: number;
  /** Pushes a second. */
  rate: number;
  repositories: number;
  weather: Weather;
  /** Between two SIGKILLs of a node, seconds; null: none. */
  killEvery: [number, number] | null;
  /** Between two stops of PostgreSQL, seconds; each lasts up to two; null: none. */
  outageEvery: [number, number] | null;
  /** Between two SIGSTOPs that outlast a lease, seconds; null: none. */
  sleepEvery: [number, number] | null;
  say: (line: string) => void;
}

export interface ClusterFigures extends OutageFigures {
  seed: string;
  seconds: number;
  nodes: number;
  kills: number;
  sleeps: number;
  deliveries: number;
  refused: number;
  acknowledgements: number;
  ackedAtTheEnd: number;
  /** After the last trouble, until nothing was left to do. */
  settledAfterS: number;
}

interface Node {
  name: string;
  port: number;
  server: SlipwayServer | null;
}

const nodeNames = ['one', 'two'] as const;
/** Longer than a lease. */
const sleepMs = [16_000, 20_000] as const;
const mostStarts = 5;
const settleLimitMs = 4 * 60_000;

/**
 * Two nodes on one PostgreSQL under a steady stream of pushes, while nodes are killed or fall asleep and PostgreSQL is stopped
 * and started. The outer world (Bitbucket, a deploy backend) is in this process; the judge reads the backend's own log.
 */
export class ClusterRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-cluster-'));
  readonly #options: ClusterRunOptions;
  readonly #random: Random;
  readonly #underWay = new UnderWay();
  readonly #reachable = new Door();
  readonly #journal: Journal<ReceiverLine>;
  readonly #receiver: Receiver;
  readonly #hub: FakeBitbucket;
  readonly #nodes: Node[] = [];
  readonly #masterKey = randomBytes(32).toString('base64');
  readonly #figures = {
    kills: 0,
    sleeps: 0,
    acknowledgements: 0,
    ackedAtTheEnd: 0,
    settledAfterS: 0,
  };
  #postgres: TestPostgres | null = null;
  #database = '';
  #outages: Outages | null = null;
  #balancer: Balancer | null = null;

  constructor(options: ClusterRunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    chmodSync(this.folder, 0o711);
    this.#journal = new Journal(join(this.folder, 'receiver.jsonl'));
    const outer = { boundaries: new Boundaries(), reachable: this.#reachable };
    this.#receiver = new Receiver({
      ...outer,
      journal: this.#journal,
      random: this.#random.stream('receiver'),
      underWay: this.#underWay,
    });
    this.#hub = new FakeBitbucket({
      ...outer,
      folder: this.folder,
      random: this.#random.stream('bitbucket'),
      repositories: options.repositories,
      onAnswer: (status, sentAt, answeredAt) =>
        this.#outages?.noteAnswer(status, sentAt, answeredAt),
    });
  }

  async setUp(): Promise<void> {
    this.#postgres = await startPostgres({ durable: true });
    this.#database = (await this.#postgres.createDatabase()).url;
    this.#balancer = await Balancer.start(0);
    await this.#hub.start();
    await this.#receiver.start();
    for (const name of nodeNames) {
      const node: Node = { name, port: await freePort(), server: null };
      this.#nodes.push(node);
      await this.#start(node);
    }
    const addresses = this.#nodes.map(({ port }) => `http://127.0.0.1:${port}`);
    this.#balancer.lead(addresses);
    this.#reachable.open();
    await this.#hub.install(this.#balancer.url);
    this.#hub.spread(addresses);
    for (const repository of this.#hub.repositories) {
      const url = await this.#hub.panelUrl(this.#balancer.url, repository);
      await (
        await PanelVisitor.open(url)
      ).saveTarget({
        ...{ name: 'Production', backend: 'signed-webhook', branchPattern: '**' },
        'settings.url': this.#receiver.url,
        'settings.secret': this.#receiver.key.secret,
      });
    }
    await waitFor(
      'the first look at every repository',
      async () =>
        (await this.#rows('SELECT 1 AS x FROM repositories WHERE baseline_at IS NULL')).length ===
        0,
      { timeoutMs: 60_000 },
    );
    const { control } = this.#postgres;
    if (control) this.#outages = new Outages(control, this.#reachable);
  }

  /** The stream, and what befalls whoever takes it. */
  async play(): Promise<void> {
    const until = performance.now() + this.#options.seconds * 1_000;
    const { killEvery, outageEvery, sleepEvery } = this.#options;
    this.#receiver.weather = this.#options.weather;
    await Promise.all([
      this.#stream(until),
      this.#now(until, killEvery, 'kills', (dice) => this.#kill(dice)),
      this.#now(until, outageEvery, 'outages', (dice) => this.#outages?.once(dice)),
      this.#now(until, sleepEvery, 'sleeps', (dice) => this.#sleep(dice)),
    ]);
  }

  /** Nothing fails any more: everything comes to an end by itself. */
  async settle(): Promise<void> {
    const startedAt = performance.now();
    this.#receiver.weather = 'calm';
    await this.#hub.calm();
    for (const node of this.#nodes) if (!node.server?.isRunning) await this.#restart(node);
    const calmSince = Date.now();
    for (let index = 0; index < 20; index += 1) this.#hub.playOne();
    await this.#hub.idle();
    const { acks } = await this.#hub.truth();
    this.#figures.acknowledgements = acks.length;
    this.#figures.ackedAtTheEnd = acks.filter(({ at }) => at >= calmSince).length;
    await this.#underWay.idle();
    let told = performance.now();
    while (performance.now() - startedAt < settleLimitMs) {
      const left = await unfinished(this.#database);
      if (left.length === 0 && this.#underWay.count === 0) break;
      if (performance.now() - told > 15_000) {
        told = performance.now();
        this.#options.say(`  settling: ${left.length} not at their end yet`);
      }
      await delay(250);
    }
    this.#figures.settledAfterS = Math.round((performance.now() - startedAt) / 1_000);
  }

  async judge(): Promise<Verdict> {
    const truth = await this.#hub.truth();
    return judge({ ...truth, receiver: this.#journal.read(), database: this.#database });
  }

  get figures(): ClusterFigures {
    const { seed, seconds } = this.#options;
    const { deliveries, refused } = this.#hub.figures;
    const outages = this.#outages?.figures ?? { outages: 0, answeredWhileDown: {}, downMs: 0 };
    const nodes = this.#nodes.length;
    return { seed, seconds, nodes, ...this.#figures, deliveries, refused, ...outages };
  }

  async close(keep: boolean): Promise<void> {
    this.#reachable.close();
    for (const node of this.#nodes) {
      this.#saveLog(node);
      await node.server?.close();
    }
    await this.#receiver.stop();
    await this.#hub.stop();
    await this.#balancer?.close();
    await this.#postgres?.close();
    this.#journal.close();
    if (keep) this.#options.say(`Kept for a look: ${this.folder}`);
    else removeTree(this.folder);
  }

  async #stream(until: number): Promise<void> {
    const startedAt = performance.now();
    for (let sent = 0; performance.now() < until;) {
      const due = ((performance.now() - startedAt) / 1_000) * this.#options.rate;
      for (; sent < due; sent += 1) this.#hub.playOne();
      await delay(10);
    }
  }

  async #now(
    until: number,
    every: [number, number] | null,
    name: string,
    trouble: (dice: Random) => Promise<void> | undefined,
  ): Promise<void> {
    if (every === null) return;
    const dice = this.#random.stream(name);
    for (;;) {
      const pause = 1_000 * (every[0] + dice.next() * (every[1] - every[0]));
      if (performance.now() + pause > until) return;
      await delay(pause);
      await trouble(dice);
    }
  }

  async #kill(dice: Random): Promise<void> {
    const node = dice.pick(this.#nodes);
    if (!node.server?.isRunning) return;
    this.#figures.kills += 1;
    await node.server.kill();
    this.#saveLog(node);
    await this.#restart(node);
  }

  /** As a service manager does it: a node whose database goes away in the midst of its start ends, and is started again. */
  async #restart(node: Node): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#start(node);
        return;
      } catch (error) {
        if (tries === mostStarts) throw error;
      }
    }
  }

  async #sleep(dice: Random): Promise<void> {
    const { server } = dice.pick(this.#nodes);
    if (!server?.isRunning) return;
    this.#figures.sleeps += 1;
    process.kill(server.pid, 'SIGSTOP');
    await delay(dice.int(...sleepMs));
    if (server.isRunning) process.kill(server.pid, 'SIGCONT');
  }

  async #start(node: Node): Promise<void> {
    const { name, port } = node;
    node.server = await SlipwayServer.start({
      PORT: String(port),
      DATABASE_URL: this.#database,
      SLIPWAY_DATA_DIR: join(this.folder, name),
      SLIPWAY_BASE_URL: this.#balancer?.url,
      SLIPWAY_MASTER_KEY: this.#masterKey,
      SLIPWAY_BITBUCKET_URL: this.#hub.url,
      SLIPWAY_BITBUCKET_API_URL: this.#hub.url,
    });
  }

  #rows(sql: string): ReturnType<typeof readDatabase> {
    return readDatabase(this.#database, sql);
  }

  #saveLog({ name, server }: Node): void {
    const logs = join(this.folder, 'logs');
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, `${name}-${this.#figures.kills}.log`), server?.stderr ?? '');
  }
}
