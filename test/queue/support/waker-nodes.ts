import type { LaneLease } from '../../../src/core/model/index.js';
import type { Clock } from '../../../src/core/ports.js';
import { GraphileWaker, prepareWakeUps } from '../../../src/queue/graphile-waker.js';
import { inProcessWaker, type LaneWaker, type TimedJob } from '../../../src/queue/waker.js';
import { Worker } from '../../../src/queue/worker.js';
import { openStorage } from '../../../src/storage/open-storage.js';
import { openWakeUpPool } from '../../../src/storage/postgres/wake-up-pool.js';
import type { OpenStorage } from '../../../src/storage/storage.js';
import { createIds } from '../../../src/lib/ids.js';
import { silentLogger } from '../../support/silent-logger.js';
import { tempFolder } from '../../support/temp-folder.js';

/** One node as far as waking goes: storage, waker and a worker that notes what it steps. */
export interface WakerNode {
  storage: OpenStorage;
  worker: Worker;
  /** Targets of the lanes that it stepped, in order. */
  stepped: string[];
  lane(targetId: string): Promise<void>;
  /** As an action does it: makes lanes due, then tells the worker of its own node. */
  wake(...targetIds: string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface NodeOptions {
  /** Null: SQLite. */
  databaseUrl: string | null;
  id?: string;
  /** How long a lane is worked on. */
  stepping?: (lease: LaneLease) => Promise<void>;
  concurrency?: number;
  timed?: readonly TimedJob[];
  /** It takes events and works on no lane. */
  webOnly?: boolean;
  clock?: Clock;
}

export async function startNode(options: NodeOptions): Promise<WakerNode> {
  const { databaseUrl, id = 'one', timed = [], clock = Date.now } = options;
  const folder = tempFolder('waker');
  const logger = silentLogger();
  const ids = createIds();
  const pool = databaseUrl === null ? null : openWakeUpPool(databaseUrl, logger);
  const storage = await openStorage({
    ...{ dataDir: folder.path, databaseUrl, rings: () => true, now: clock, logger },
    newId: () => ids.next(),
  });
  if (pool) await prepareWakeUps({ pool, logger });
  const waker: LaneWaker = pool
    ? new GraphileWaker({ pool, node: id, timed, logger })
    : inProcessWaker();
  const stepped: string[] = [];
  const node = pool ? id : null;
  const worker = new Worker({
    storage,
    lanes: {
      async begin({ limit, owner, leaseMs, servedLately }) {
        const steps = await storage.write((tx) =>
          tx.lanes.claim(limit, clock(), leaseMs, owner, servedLately, node),
        );
        return { claimed: steps.length, steps, nextDue: null };
      },
      async run({ lease }) {
        stepped.push(lease.targetId);
        await options.stepping?.(lease);
        const change = { lease, dueAt: null, currentDeploymentId: null, failures: 0 };
        const held = await storage.write((tx) => tx.lanes.settle([change], clock()));
        return held.get(lease.targetId) ?? null;
      },
    },
    background: pool ? [] : timed,
    clock,
    logger,
    concurrency: options.concurrency ?? 10,
  });
  if (!options.webOnly) {
    worker.start();
    await waker.start(worker);
  }
  return {
    storage,
    worker,
    stepped,
    lane: (targetId) =>
      storage.write((tx) =>
        tx.lanes.create({ targetId, repositoryId: 'r', workspaceUuid: `{${targetId}}` }),
      ),
    async wake(...targetIds) {
      await storage.write((tx) => tx.lanes.wake(targetIds, clock()));
      worker.wake();
    },
    async stop() {
      await waker.stop();
      if (!options.webOnly) await worker.stop();
      await storage.close();
      await pool?.end();
      folder.remove();
    },
  };
}
