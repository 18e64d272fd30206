import { clockStepMs, clockWentBack } from '../actions/clock-went-back.js';
import type { Clock, Logger, Storage } from '../core/ports.js';
import type { createIds } from '../lib/ids.js';
import { leaseMs } from '../queue/worker.js';
import type { OpenStorage } from '../storage/storage.js';

/** What was stored before this start stays the older one, also when the clock was set back in between. */
export async function goOnInTime(
  storage: Storage & Pick<OpenStorage, 'nodes'>,
  ids: ReturnType<typeof createIds>,
  { clock, logger }: { clock: Clock; logger: Logger },
): Promise<void> {
  const newestId = await storage.read.care.newestId();
  const newestAt = newestId === null ? null : ids.startAfter(newestId);
  if (newestAt === null || newestAt - clock() <= clockStepMs) return;
  logger.warn({ newestAt }, 'storage.clock_went_back');
  // Then it is this machine's clock that differs, and what the others lease and plan is right.
  if ((await storage.nodes()) > 1) return;
  await clockWentBack(storage, clock(), leaseMs);
}
