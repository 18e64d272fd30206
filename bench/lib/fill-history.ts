import { randomUUID } from 'node:crypto';
import { newDeployment } from '../../src/core/delivery/new-deployment.js';
import type { Decision, Deployment } from '../../src/core/model/index.js';
import type { Transaction } from '../../src/core/ports.js';
import { digest } from '../../src/lib/digest.js';
import { createIds } from '../../src/lib/ids.js';
import { tenant, type Repo } from './pushes.js';
import { oldSource, openFolder } from './seed.js';

const perTransaction = 500;
const people = ['Sam Developer', 'Ada Lovelace', 'Grace Hopper'];
const branches = ['main', 'develop', 'release/1'];
/** Of ten deployments. */
const ends = [
  ...['live', 'live', 'live', 'live', 'live', 'live', 'live', 'failed', 'superseded', 'live'],
] as const satisfies readonly Deployment['state'][];

/**
 * A repository that was used for long: pushes, each decided for its target, and the deployments they made, as intake and lanes leave
 * them. The last one is live, and so old. The server must be down.
 */
export async function fillHistory(
  dataDir: string,
  repo: Repo,
  count: number,
  ageMs = 0,
): Promise<void> {
  const storage = await openFolder(dataDir);
  const ids = createIds();
  const repository = await storage.read.repositories.byUuid(repo.uuid);
  const [target] = repository ? await storage.read.targets.ofRepository(repository.id) : [];
  if (!repository || !target) throw new Error(`${repo.slug} was not seeded`);
  const start = Date.now() - ageMs - count * 60_000;
  let last = '';
  for (let done = 0; done < count; done += perTransaction) {
    const rows = Array.from({ length: Math.min(perTransaction, count - done) }, (_, index) =>
      onePush(done + index),
    );
    await storage.write((tx) => store(tx, rows));
    last = rows.at(-1)?.deployment.id ?? last;
  }
  await storage.write((tx) => tx.targets.touch(target.id, { liveDeploymentId: last }));
  await storage.close();

  function onePush(n: number) {
    const at = start + n * 60_000;
    const eventId = ids.next();
    const refChangeId = ids.next();
    const deploymentId = ids.next();
    const commit = digest(`${repo.slug} ${n}`).slice(0, 40);
    const who = people[n % people.length] ?? '';
    const name = branches[n % branches.length] ?? '';
    const repositoryId = repository?.id ?? '';
    const targetId = target?.id ?? '';
    const wish = {
      ...{ id: deploymentId, pageToken: randomUUID(), targetId, repositoryId, refChangeId },
      ...{ slot: `branch:${name}`, refType: 'branch' as const, refName: name, commit },
      ...{ message: `Change number ${n}`, author: who, cause: 'push' as const, causedBy: who },
    };
    const deployment: Deployment = {
      ...newDeployment(wish, at),
      state: ends[n % ends.length] ?? 'live',
      reason: ends[n % ends.length] === 'failed' ? 'npm run build ended with 1.' : null,
      backendRef: `ref-${n}`,
      logTail: Array.from({ length: 30 }, (_, line) => `line ${line} of the log of ${n}`),
      startedAt: at + 1_000,
      finishedAt: at + 31_000 + (n % 17) * 1_000,
    };
    const decision: Decision = {
      ...{ refChangeId, targetId, outcome: 'deploy', reasonCode: 'matched' },
      ...{ reason: `Branch ${name} matches **.`, deploymentId, createdAt: at },
    };
    return {
      deployment,
      decision,
      event: {
        ...{ id: eventId, sourceId: oldSource.id, deliveryId: randomUUID(), attemptNumber: 1 },
        ...{ eventKey: 'repo:push', state: 'recorded' as const, repositoryId, receivedAt: at },
        ...{ actor: { uuid: tenant.workspaceUuid, name: who } },
        bodyDigest: digest(eventId).padEnd(64, '0'),
      },
      change: {
        ...{ id: refChangeId, eventId, position: 0, repositoryId, refType: 'branch', name },
        ...{ from: null, to: commit, kind: 'update' as const, message: `Change number ${n}` },
        ...{ author: who, sourceId: oldSource.id, moveKey: digest(commit), occurrence: 1 },
        ...{ sameAs: null, createdAt: at },
      },
    };
  }

  async function store(tx: Transaction, rows: ReturnType<typeof onePush>[]): Promise<void> {
    await tx.events.insertNew(rows.map(({ event }) => event));
    await tx.events.insertRefChanges(rows.map(({ change }) => change));
    await tx.deployments.insert(rows.map(({ deployment }) => deployment));
    await tx.events.insertDecisions(rows.map(({ decision }) => decision));
  }
}
