import { hostname } from 'node:os';
import type { Config } from '../config/config.js';
import { rolesInWords } from '../config/roles.js';
import { nodeSilentMs, type ClusterNode } from '../core/cluster.js';
import { ConfigError, SlipwayError } from '../core/errors.js';
import { wakeUps } from '../core/wake-ups.js';
import type { Clock, Logger, Storage } from '../core/ports.js';
import { inProcessWaker, type LaneWaker, type TimedJob } from '../queue/waker.js';
import type { BackgroundJob } from '../queue/worker.js';
import { openWakeUpPool } from '../storage/postgres/wake-up-pool.js';
import { unavailable } from '../storage/postgres/writer-connection.js';
import { ClusterMember, type Company, type MemberDeps } from './cluster-member.js';
import { nodeIdOf } from './node-id.js';

export interface Cluster {
  /** This node's id; null: it is alone, and always will be. */
  node: string | null;
  /** Who wakes this node's worker and keeps the time of these jobs. `background`: those that the worker paces by itself. */
  wakerFor(timed: readonly TimedJob[]): { waker: LaneWaker; background: readonly BackgroundJob[] };
  /** From now on this node tells the others what it does, and hears of them. */
  start(limiters: MemberDeps['limiters']): void;
  /** After the waker has stopped, before the storage is closed. */
  stop(): Promise<void>;
}

export interface ClusterDeps {
  config: Readonly<Config>;
  /** Null: SQLite, so there is one node. */
  databaseUrl: string | null;
  baseUrl: string;
  storage: Storage;
  clock: Clock;
  logger: Logger;
  /** Fingerprints; the first one seals. */
  masterKeys: readonly string[];
  company: Company;
}

const forgetAfterMs = 24 * 60 * 60_000;

/**
 * What a node needs because there may be others on its database. Throws `ConfigError` where one of them seals with a key that
 * this one does not have: sessions, links and secrets of one would be worth nothing to the other; `InfrastructureError` while
 * the database is away.
 */
export async function joinCluster(deps: ClusterDeps): Promise<Cluster> {
  const { databaseUrl, storage, logger } = deps;
  if (databaseUrl === null) return alone;
  // With SQLite nobody waits for it to be loaded.
  const { GraphileWaker, prepareWakeUps } = await import('../queue/graphile-waker.js');
  const node = describe(deps);
  const pool = openWakeUpPool(databaseUrl, logger);
  try {
    await prepareWakeUps({ pool, logger });
    await announce(node, deps);
  } catch (error) {
    await pool.end();
    throw schemaProblem(error);
  }
  let member: ClusterMember | null = null;
  return {
    node: node.id,
    wakerFor: (timed) => ({
      waker: new GraphileWaker({ pool, node: node.id, timed, logger }),
      background: [],
    }),
    start(limiters) {
      member = new ClusterMember(node, { ...deps, limiters });
      member.start();
    },
    async stop() {
      await member?.stop();
      await storage.write((tx) => tx.nodes.leave(node.id)).catch(() => undefined);
      await pool.end();
    },
  };
}

/** SQLSTATE insufficient_privilege. */
const notAllowed = '42501';

function schemaProblem(error: unknown): unknown {
  if (error instanceof SlipwayError) return error;
  if ((error as { code?: unknown } | null)?.code !== notAllowed) return unavailable(error);
  return new ConfigError([
    `The user in DATABASE_URL may not create the schema ${wakeUps.schema}. Make it the owner of the database, or grant it CREATE on the database.`,
  ]);
}

const alone: Cluster = {
  node: null,
  wakerFor: (timed) => ({ waker: inProcessWaker(), background: timed }),
  start: () => undefined,
  stop: () => Promise.resolve(),
};

function describe({ config, baseUrl, masterKeys, clock }: ClusterDeps): ClusterNode {
  return {
    id: nodeIdOf(config.dataDir),
    name: hostname(),
    roles: rolesInWords(config.roles),
    masterKeyId: masterKeys[0] ?? '',
    baseUrl,
    startedAt: clock(),
    seenAt: clock(),
  };
}

async function announce(node: ClusterNode, deps: ClusterDeps): Promise<void> {
  const now = deps.clock();
  const others = await deps.storage.write(async (tx) => {
    const alive = await tx.nodes.alive(now - nodeSilentMs);
    const rest = alive.filter(({ id }) => id !== node.id);
    refuseOtherKeys(rest, deps.masterKeys);
    await tx.nodes.forgetBefore(now - forgetAfterMs);
    await tx.nodes.seen({ ...node, seenAt: now });
    return rest;
  });
  for (const { name, baseUrl } of others) {
    if (baseUrl === node.baseUrl) continue;
    const fields = { node: name, baseUrl, ours: node.baseUrl };
    deps.logger.warn(fields, 'cluster.base_urls_differ');
  }
}

function refuseOtherKeys(others: readonly ClusterNode[], ours: readonly string[]): void {
  const stranger = others.find(({ masterKeyId }) => !ours.includes(masterKeyId));
  if (!stranger) return;
  throw new ConfigError([
    `Node ${stranger.name} on the same database runs with master key ${stranger.masterKeyId}, and this one with ${ours[0] ?? 'none'}. ` +
      'Give every node the same SLIPWAY_MASTER_KEY.',
  ]);
}
