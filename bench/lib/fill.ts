import { randomUUID } from 'node:crypto';
import { digest } from '../../src/lib/digest.js';
import { createIds } from '../../src/lib/ids.js';
import { tenant, type Repo } from './pushes.js';
import { say } from './report.js';
import { oldSource, openFolder } from './seed.js';

const perTransaction = 500;

/**
 * Stores events that were skipped through Slipway's own stores, so that rows and indexes are as intake leaves
 * them. The server must be down.
 */
export async function fill(
  dataDir: string,
  over: readonly Repo[],
  count: number,
  ageMs: number,
): Promise<void> {
  const storage = await openFolder(dataDir);
  const ids = createIds();
  const known = await Promise.all(over.map(({ uuid }) => storage.read.repositories.byUuid(uuid)));
  const repositoryIds = known.map((repository) => repository?.id ?? '');
  const newest = Date.now() - ageMs;
  for (let done = 0; done < count; done += perTransaction) {
    const at = newest - (count - done);
    const rows = Array.from({ length: Math.min(perTransaction, count - done) }, (_, index) => {
      const repositoryId = repositoryIds[(done + index) % repositoryIds.length] ?? '';
      const eventId = ids.next();
      const to = digest(`${done + index}`).padEnd(40, '0');
      return {
        event: {
          id: eventId,
          sourceId: oldSource.id,
          deliveryId: randomUUID(),
          eventKey: 'repo:push',
          state: 'recorded' as const,
          repositoryId,
          actor: { uuid: tenant.workspaceUuid, name: 'Sam Developer' },
          attemptNumber: 1,
          bodyDigest: digest(eventId).padEnd(64, '0'),
          receivedAt: at,
        },
        change: {
          id: ids.next(),
          eventId,
          position: 0,
          repositoryId,
          refType: 'branch',
          name: 'old',
          from: null,
          to,
          kind: 'update' as const,
          message: 'An old push',
          author: 'Sam Developer',
          sourceId: oldSource.id,
          moveKey: digest(to),
          occurrence: 1,
          sameAs: null,
          createdAt: at,
        },
      };
    });
    await storage.write(async (tx) => {
      await tx.events.insertNew(rows.map(({ event }) => event));
      await tx.events.insertRefChanges(rows.map(({ change }) => change));
      await tx.events.insertDecisions(
        rows.map(({ change }) => ({
          refChangeId: change.id,
          targetId: repositoryIds[0] ?? '',
          outcome: 'skip' as const,
          reasonCode: 'no_match',
          reason: 'Branch old does not match release/*.',
          deploymentId: null,
          createdAt: at,
        })),
      );
    });
    if (done % 100_000 === 0 && done > 0) say(`  ${done} stored`);
  }
  await storage.close();
}
