import type { Limiters } from '../bitbucket/limiter.js';
import { nodeBeatMs, nodeSilentMs, type ClusterNode } from '../core/cluster.js';
import type { Clock, Logger, Storage } from '../core/ports.js';

export interface MemberDeps {
  storage: Storage;
  clock: Clock;
  logger: Logger;
  limiters: Pick<Limiters, 'uses' | 'heard' | 'shareWith'>;
  company: Company;
}

/** Whether there are other nodes, as far as is known. */
export interface Company {
  any: boolean;
}

const tickMs = 1_000;
const hourMs = 60 * 60_000;

/** Keeps telling the other nodes that we are here, and what we do with Bitbucket's budgets; hears the same of them. */
export class ClusterMember {
  readonly #node: ClusterNode;
  readonly #deps: MemberDeps;
  #timer: NodeJS.Timeout | null = null;
  #ticking: Promise<void> = Promise.resolve();
  #stopped = false;
  #toldAt = 0;
  /** Of what was told last: a new one is news to the others. */
  #pausedUntil = 0;

  constructor(node: ClusterNode, deps: MemberDeps) {
    this.#node = node;
    this.#deps = deps;
  }

  start(): void {
    this.#next();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#ticking;
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#ticking = this.#tick()
        // The database is away; whoever needs it says so.
        .catch((error: unknown) => this.#deps.logger.debug({ err: error }, 'cluster.beat_failed'))
        .then(() => {
          if (!this.#stopped) this.#next();
        });
    }, tickMs);
  }

  async #tick(): Promise<void> {
    const { storage, clock, limiters } = this.#deps;
    const uses = limiters.uses();
    const pausedUntil = Math.max(0, ...uses.map((use) => use.pausedUntil));
    if (clock() - this.#toldAt >= nodeBeatMs || pausedUntil > this.#pausedUntil) {
      const at = { nodeId: this.#node.id, seenAt: clock() };
      await storage.write(async (tx) => {
        await tx.nodes.seen({ ...this.#node, seenAt: clock() });
        if (uses.length > 0) await tx.nodes.noteUse(uses.map((use) => ({ ...use, ...at })));
      });
      this.#toldAt = clock();
      this.#pausedUntil = pausedUntil;
      const alive = await storage.read.nodes.alive(clock() - nodeSilentMs);
      limiters.shareWith(alive.length);
      this.#deps.company.any = alive.some(({ id }) => id !== this.#node.id);
    }
    limiters.heard(await storage.read.nodes.useByOthers(this.#node.id, clock() - hourMs));
  }
}
