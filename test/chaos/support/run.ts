import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PanelVisitor } from '../../../src/demo/panel-visitor.js';
import { spawnCli } from '../../support/e2e/cli.js';
import { readDatabase } from '../../support/e2e/database.js';
import { removeTree } from '../../support/e2e/remove-tree.js';
import { SlipwayServer } from '../../support/e2e/slipway.js';
import { waitFor } from '../../support/e2e/wait-for.js';
import { Boundaries, boundaries, type Boundary } from './boundaries.js';
import { FakeBitbucket } from './fake-bitbucket.js';
import { freePort } from './http.js';
import type { Hub } from './hub.js';
import { Journal } from './journal.js';
import { judge, missingEvents, unfinished, type Verdict } from './judge.js';
import { mutated, type Mutant } from './mutants.js';
import { Random } from './random.js';
import { Receiver, type ReceiverLine } from './receiver.js';
import { SandboxHub } from './sandbox-hub.js';
import { Door, UnderWay } from './under-way.js';

export interface RunOptions {
  rounds: number;
  seed: string;
  throughSandbox?: boolean;
  /** What else happens where a process is killed: the power goes, too. */
  powerCut?: PowerCut;
  /** A fault that is built into the server on purpose. */
  mutant?: Mutant;
  /** How long everything may take to come to an end when nothing fails any more. */
  settleMs?: number;
  say: (line: string) => void;
}

export interface PowerCut {
  /** For the server's process. */
  environment(dataDir: string): Record<string, string>;
  /** The data folder as a disk would have kept it; called while no process uses it. */
  cut(dataDir: string): void;
}

export interface RunFigures {
  seed: string;
  rounds: number;
  kills: number;
  /** How often each boundary was really stood at when the process was killed. */
  met: Record<string, number>;
  deliveries: number;
  refused: number;
  /** Answered with 204 and not stored after the restart. */
  forgotten: number;
  /** 204 answers, copies and resends included; the judge counts pushes. */
  acknowledgements: number;
  /** Of the pushes after the last kill: none would mean that installation or keys are gone. */
  ackedAtTheEnd: number;
  seconds: number;
}

/** How long a boundary is waited for before the process is killed wherever it is. */
const boundaryPatienceMs = 1_500;
/** In such a round timeouts are met: longer than Slipway waits for a backend. */
const patientRoundMs = 21_000;
const patientEvery = 50;
const settleLimitMs = 3 * 60_000;

/**
 * One run: an outer world in this process (Bitbucket and a deploy backend), Slipway in one of its own, on a real data folder,
 * killed again and again.
 */
export class Run {
  readonly folder = mkdtempSync(join(tmpdir(), 'slipway-chaos-'));
  readonly figures: RunFigures;
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #boundaries = new Boundaries();
  readonly #reachable = new Door();
  readonly #underWay = new UnderWay();
  readonly #journal: Journal<ReceiverLine>;
  readonly #receiver: Receiver;
  readonly #hub: Hub;
  readonly #forgotten = new Set<string>();
  #order: Boundary[] = [];
  #port = 0;
  #server: SlipwayServer | null = null;
  #startedAt = 0;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    chmodSync(this.folder, 0o711);
    this.#journal = new Journal(join(this.folder, 'receiver.jsonl'));
    const outer = { boundaries: this.#boundaries, reachable: this.#reachable };
    this.#receiver = new Receiver({
      ...outer,
      journal: this.#journal,
      random: this.#random.stream('receiver'),
      underWay: this.#underWay,
    });
    const random = this.#random.stream('bitbucket');
    this.#hub = options.throughSandbox
      ? new SandboxHub({ folder: this.folder, random })
      : new FakeBitbucket({ ...outer, folder: this.folder, random });
    const { seed, rounds } = options;
    const none = { kills: 0, deliveries: 0, refused: 0, forgotten: 0 };
    this.figures = {
      seed,
      rounds,
      met: {},
      ...none,
      acknowledgements: 0,
      ackedAtTheEnd: 0,
      seconds: 0,
    };
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  get database(): string {
    return join(this.dataDir, 'slipway.sqlite');
  }

  /** Slipway installed, every repository with a target (some with two), nothing pushed yet. */
  async setUp(): Promise<void> {
    this.#startedAt = performance.now();
    mkdirSync(this.dataDir);
    this.#port = await freePort();
    await this.#hub.start();
    await this.#receiver.start();
    await this.#start();
    await this.#hub.install(this.#url);
    for (const [index, repository] of this.#hub.repositories.entries()) {
      const panel = await PanelVisitor.open(await this.#hub.panelUrl(this.#url, repository));
      const names = index % 3 === 0 ? ['Production', 'Staging'] : ['Production'];
      for (const name of names) await this.#addTarget(panel, name);
    }
    await waitFor('the first look at every repository', async () => {
      const rows = await this.#rows('SELECT 1 FROM repositories WHERE baseline_at IS NULL');
      return rows.length === 0;
    });
  }

  /** Ends it the orderly way; what it has written is all on the disk then. */
  async restartInOrder(): Promise<void> {
    await this.#stop();
    await this.#start();
  }

  async rounds(): Promise<void> {
    for (let round = 1; round <= this.#options.rounds; round += 1) await this.#round(round);
    await this.#ensureStarted();
  }

  /** Nothing fails any more: everything has to come to an end by itself. */
  async settle(): Promise<void> {
    this.#receiver.weather = 'calm';
    await this.#hub.calm();
    const calmSince = Date.now();
    await this.#hub.play(this.#options.rounds + 1);
    await this.#hub.idle();
    const { acks } = await this.#hub.truth();
    this.figures.ackedAtTheEnd = acks.filter(({ at }) => at >= calmSince).length;
    await this.#underWay.idle();
    const deadline = Date.now() + (this.#options.settleMs ?? settleLimitMs);
    let told = 0;
    for (;;) {
      const left = await unfinished(this.database);
      if (left.length === 0 && this.#underWay.count === 0) return;
      if (Date.now() > deadline) return;
      if (Date.now() - told > 15_000) {
        told = Date.now();
        this.#options.say(`  settling: ${left.length} not at their end yet`);
      }
      await delay(250);
    }
  }

  async judge(): Promise<Verdict> {
    const truth = await this.#hub.truth();
    const receiver = this.#journal.read();
    return judge({ ...truth, receiver, database: this.database });
  }

  /** Keeps the folder when there is something to look at. */
  async close(keep: boolean): Promise<void> {
    this.#reachable.close();
    this.#saveLog('end');
    await this.#server?.close();
    await this.#receiver.stop();
    await this.#hub.stop();
    this.#journal.close();
    if (keep) this.#options.say(`Kept for a look: ${this.folder}`);
    else removeTree(this.folder);
  }

  async finish(): Promise<RunFigures> {
    const { acks } = await this.#hub.truth();
    this.figures.acknowledgements = acks.length;
    this.figures.deliveries = this.#hub.figures.deliveries;
    this.figures.refused = this.#hub.figures.refused;
    this.figures.forgotten = this.#forgotten.size;
    this.figures.seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    return this.figures;
  }

  async #round(round: number): Promise<void> {
    const isPatient = round % patientEvery === Math.floor(patientEvery / 2);
    const boundary = isPatient ? 'random' : this.#nextBoundary();
    const dice = this.#random.stream(`round/${round}`);
    this.#receiver.weather = isPatient ? 'patient' : 'wild';
    const armed = this.#boundaries.arm(boundary);
    await this.#ensureStarted();
    const playing = this.#play(round, isPatient);
    const isMet = await this.#standAt(boundary, { met: armed.met, playing }, isPatient, dice);
    await this.#kill(`${round}`);
    armed.release();
    await playing;
    if (boundary === 'starting') await this.#killWhileStarting(dice);
    const name = isPatient ? 'patient' : isMet ? boundary : 'random';
    this.figures.met[name] = (this.figures.met[name] ?? 0) + 1;
    if (round % 10 === 0) this.#options.say(`  round ${round} of ${this.#options.rounds}`);
  }

  async #play(round: number, isPatient: boolean): Promise<void> {
    await this.#hub.play(round);
    if (!isPatient) return;
    for (let more = 1; more <= 8; more += 1) {
      await delay(patientRoundMs / 16);
      await this.#hub.play(round * 1000 + more);
    }
  }

  async #standAt(
    boundary: Boundary,
    { met, playing }: { met: Promise<void>; playing: Promise<void> },
    isPatient: boolean,
    dice: Random,
  ): Promise<boolean> {
    if (isPatient) {
      await delay(patientRoundMs);
      return true;
    }
    // Real git takes its time, and a boundary in its midst is as good as one afterwards.
    if (!this.#hub.knowsBoundaries) await Promise.race([met, playing]);
    if (boundary === 'random' || boundary === 'starting') {
      await delay(dice.int(0, 900));
      return true;
    }
    const late = new AbortController();
    const isMet = await Promise.race([
      met.then(() => true),
      delay(boundaryPatienceMs, false, { signal: late.signal }).catch(() => false),
    ]);
    late.abort();
    if (isMet) await delay(dice.int(0, 4));
    return isMet;
  }

  /** Every one once before any comes again, each time in another order. */
  #nextBoundary(): Boundary {
    if (this.#order.length === 0) {
      const outerOnly: readonly Boundary[] = [
        'received',
        'answered',
        'claimed',
        'checking',
        'status',
      ];
      const known = boundaries.filter(
        (boundary) => this.#hub.knowsBoundaries || !outerOnly.includes(boundary),
      );
      this.#order = this.#random.shuffled(known);
    }
    return this.#order.pop() ?? 'random';
  }

  get #url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  #environment(): { SLIPWAY_DATA_DIR: string } & Record<string, string> {
    return {
      PORT: String(this.#port),
      SLIPWAY_DATA_DIR: this.dataDir,
      SLIPWAY_BITBUCKET_URL: this.#hub.url,
      SLIPWAY_BITBUCKET_API_URL: this.#hub.url,
      ...this.#options.powerCut?.environment(this.dataDir),
      ...(this.#options.mutant && mutated(this.#options.mutant, this.folder)),
    };
  }

  async #start(): Promise<void> {
    this.#server = await SlipwayServer.start(this.#environment());
    this.#reachable.open();
  }

  async #ensureStarted(): Promise<void> {
    if (this.#server?.isRunning) return;
    await this.#start();
    if (this.#options.powerCut) await this.#countForgotten();
  }

  async #stop(): Promise<void> {
    this.#reachable.close();
    await this.#server?.stop();
  }

  async #kill(name: string): Promise<void> {
    this.#reachable.close();
    await this.#server?.kill();
    this.#saveLog(name);
    this.#died();
  }

  #died(): void {
    this.figures.kills += 1;
    this.#options.powerCut?.cut(this.dataDir);
  }

  async #killWhileStarting(dice: Random): Promise<void> {
    const child = spawnCli(['start'], { env: this.#environment() });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await delay(dice.int(150, 700));
    child.kill('SIGKILL');
    await ended;
    this.#died();
  }

  /** Right after the restart: nobody has had the time to send it again. */
  async #countForgotten(): Promise<void> {
    const { acks } = await this.#hub.truth();
    for (const { delivery } of await missingEvents(acks, this.database)) {
      this.#forgotten.add(delivery);
    }
  }

  async #addTarget(panel: PanelVisitor, name: string): Promise<void> {
    await panel.saveTarget({
      name,
      backend: 'signed-webhook',
      branchPattern: '**',
      tagPattern: '**',
      'settings.url': this.#receiver.url,
      'settings.secret': this.#receiver.key.secret,
    });
  }

  #rows(sql: string): ReturnType<typeof readDatabase> {
    return readDatabase(this.database, sql);
  }

  #saveLog(name: string): void {
    const logs = join(this.folder, 'logs');
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, `${name}.log`), this.#server?.stderr ?? '');
  }
}
