import { openTarget } from '../actions/open-target.js';
import { createBackends } from '../backends/registry.js';
import type { Backend, BackendTarget } from '../core/backend.js';
import type { ReceiverParts } from './receivers.js';
import type { createVendorParts } from './vendors.js';
import type { Waker } from '../core/ports.js';
import type { Basics } from './basics.js';

type BackendParts = ReceiverParts['options'] & ReturnType<typeof createVendorParts>['options'];

export function createBackendList(
  basics: Basics,
  parts: BackendParts,
  worker: () => Waker,
): Backend[] {
  const { config, baseUrl, storage, clock, logger } = basics;
  return createBackends({
    ...parts,
    baseUrl,
    dataDir: config.dataDir,
    publicHost: new URL(baseUrl).hostname,
    listenHost: config.host,
    allowPlainHttpGit: config.bitbucketIsLoopback,
    localBackend: config.localBackend,
    isOneOfSeveral: config.database.kind === 'postgres',
    allowed: config.backends,
    notify: (targetId) => {
      storage
        .write((tx) => tx.lanes.wake([targetId], clock()))
        .then(
          () => worker().wake(),
          // Losing a hint costs one poll.
          (error: unknown) => logger.warn({ target: targetId, err: error }, 'lane.wake_failed'),
        );
    },
    clock,
    logger,
  });
}

/** A target whose secrets cannot be opened must not keep all others from starting; its own deploys say why they wait. */
export async function startBackends(
  basics: Basics,
  backends: readonly Backend[],
  node: string | null,
): Promise<void> {
  const { storage, vault, logger } = basics;
  for (const backend of backends) {
    const opened: BackendTarget[] = [];
    for (const target of await storage.read.targets.ofBackend(backend.id)) {
      // Of what lives on one node, each serves its own.
      const isElsewhere =
        node !== null &&
        backend.ownNode === true &&
        (await storage.read.lanes.byTarget(target.id))?.node !== node;
      if (isElsewhere) continue;
      try {
        opened.push(openTarget(target, vault));
      } catch (error) {
        logger.error({ target: target.id, err: error }, 'backend.target_not_started');
      }
    }
    await backend.start?.(opened);
  }
}

/** One that fails to stop must not keep the others, nor the database, from being closed. */
export async function stopBackends(
  { logger }: Basics,
  backends: readonly Backend[],
): Promise<void> {
  for (const backend of backends) {
    await backend.stop?.().catch((error: unknown) => {
      logger.error({ backend: backend.id, err: error }, 'backend.stop_failed');
    });
  }
}
