import type { Backend } from '../core/backend.js';
import type { Clock, Logger, Storage, Vault } from '../core/ports.js';
import { createPace } from '../lib/pace.js';
import { openTarget } from './open-target.js';

export interface RemoveOwnDeps {
  storage: Storage;
  vault: Vault;
  backend(id: string): Backend | null;
  clock: Clock;
  logger: Logger;
}

const lookEveryMs = 15_000;

/**
 * The background job of a node that has others beside it: what a backend built and serves on this machine goes when its target
 * was removed through another node, which could not reach it.
 */
export function createOwnRemoval(node: string, deps: RemoveOwnDeps) {
  const pace = createPace(lookEveryMs, deps.clock);
  return {
    name: 'own removals',
    dueAt: pace.dueAt,
    async run(): Promise<number> {
      pace.take();
      const removed = await deps.storage.read.targets.removedOn(node);
      for (const target of removed) {
        await deps.backend(target.backend)?.remove?.(openTarget(target, deps.vault));
        await deps.storage.write((tx) => tx.lanes.bind([target.id], null));
        deps.logger.info({ target: target.id }, 'target.left_this_node');
      }
      return 0;
    },
  };
}
