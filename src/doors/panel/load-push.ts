import type { Deployment } from '../../core/model/index.js';
import type { Reader, RefChangeWithDecisions } from '../../core/ports.js';
import type { Journey, PushStory } from './view/timeline.js';

type Reads = Pick<Reader, 'care' | 'events'>;

/** Everything stored about one push, for its timeline. */
export async function loadPush(
  read: Reads,
  change: RefChangeWithDecisions,
  deployments: ReadonlyMap<string, Deployment>,
): Promise<PushStory> {
  const made = change.decisions
    .map(({ deploymentId }) => (deploymentId === null ? undefined : deployments.get(deploymentId)))
    .filter((one) => one !== undefined);
  const [arrivals, journeys] = await Promise.all([
    read.events.arrivals(change.id),
    loadJourneys(read, made),
  ]);
  return { arrivals, decisions: change.decisions, journeys };
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
