import type { Storage } from '../core/ports.js';

/** Less is an ordinary correction: whatever waits comes that much later. */
export const clockStepMs = 10_000;

/**
 * The clock was set back by hours or days, and what waits for a time would wait that much longer: all of it is looked at now. A
 * try that comes early does no harm.
 */
export async function clockWentBack(storage: Storage, now: number, leaseMs: number): Promise<void> {
  await storage.write(async (tx) => {
    await tx.care.bringForward(now, leaseMs);
    await tx.repositories.reconcileAll(now);
    await tx.statusReports.wakeAll(now);
  });
}
