import type { Deployment } from '../../core/model/index.js';
import type { Reader, RefChangeWithDecisions } from '../../core/ports.js';
import type { Journey, PushStory } from './view/timeline.js';

type Reads = Pick<Reader, 'care' | 'events'>;

/** Everything stored about one push, for its timeline. */
export async function loadPush(
  read: Reads,
  change: RefChangeWithDecisions,
  deployments: ReadonlyMap<string, Deployment>,
  recent: readonly Deployment[],
): Promise<PushStory> {
  const made = change.decisions
    .map(({ deploymentId }) => (deploymentId === null ? undefined : deployments.get(deploymentId)))
    .filter((one) => one !== undefined);
  const [arrivals, journeys] = await Promise.all([
    read.events.arrivals(change.id),
    loadJourneys(read, made),
  ]);
  return { arrivals, decisions: change.decisions, journeys, later: laterOnes(made, recent) };
}

/** Among those shown anyway: what people asked for of the same commit, after the push had its answer. Oldest first. */
function laterOnes(made: readonly Deployment[], recent: readonly Deployment[]): Deployment[] {
  const isLater = (one: Deployment): boolean =>
    made.some(
      (first) =>
        one.targetId === first.targetId &&
        one.commit === first.commit &&
        one.id !== first.id &&
        one.createdAt >= first.createdAt &&
        (one.cause === 'person' || one.cause === 'rollback' || one.cause === 'retry'),
    );
  return recent.filter(isLater).reverse();
}

export async function loadJourneys(
  read: Reads,
  deployments: readonly Deployment[],
): Promise<Map<string, Journey>> {
  const ids = deployments.map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const [attempts, statuses] = await Promise.all([
    read.care.attempts(ids),
    read.care.statusReports(ids),
  ]);
  return new Map(
    deployments.map((deployment) => [
      deployment.id,
      {
        deployment,
        attempts: attempts.filter(({ deploymentId }) => deploymentId === deployment.id),
        statuses: statuses.filter(({ deploymentId }) => deploymentId === deployment.id),
      },
    ]),
  );
}
