import type { Deployment, Target } from '../model/index.js';
import type { Verdict } from './decide.js';

type Link = Pick<Target, 'id' | 'afterTargetId'>;

/** Each target behind the one it waits for; otherwise in the order given. A link that leads nowhere counts as none. */
export function upstreamFirst<T extends Link>(targets: readonly T[]): T[] {
  const left = new Map(targets.map((target) => [target.id, target]));
  const ordered: T[] = [];
  const take = (target: T): void => {
    // Taken out first: a circle, which saving refuses, would otherwise never end.
    if (!left.delete(target.id)) return;
    const upstream = target.afterTargetId === null ? undefined : left.get(target.afterTargetId);
    if (upstream) take(upstream);
    ordered.push(target);
  };
  for (const target of targets) take(target);
  return ordered;
}

/** Names from the target back to itself, if it waited for `afterTargetId`; null: no circle. */
export function circle(
  target: Pick<Target, 'id' | 'name'>,
  afterTargetId: string,
  targets: readonly (Link & Pick<Target, 'name'>)[],
): string[] | null {
  const names = [target.name];
  const seen = new Set<string>();
  for (let next: string | null = afterTargetId; next !== null && !seen.has(next);) {
    if (next === target.id) return [...names, target.name];
    seen.add(next);
    const link = targets.find(({ id }) => id === next);
    if (!link) return null;
    names.push(link.name);
    next = link.afterTargetId;
  }
  return null;
}

/** What one change led to at one target. */
export interface Decided {
  target: Target;
  verdict: Verdict;
  deployment: Deployment | null;
}

/** For a target that waits for another one: only what is deployed there can go live there. */
export function decideBehind(own: Verdict, { target, verdict, deployment }: Decided): Verdict {
  if (own.outcome === 'skip') return own;
  if (deployment === null) {
    const reason = `It waits for ${target.name}, which does not deploy this: ${verdict.reason}`;
    return { outcome: 'skip', reasonCode: 'upstream_skipped', reason };
  }
  const reason = `It deploys what goes live on ${target.name}.`;
  return { outcome: 'deploy', reasonCode: 'follows', reason };
}
