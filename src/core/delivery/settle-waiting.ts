import type { Deployment, Target } from '../model/index.js';

/** A person who was not asked again in this time has forgotten, and what went live there is old by then. */
export const approvalLifetimeMs = 7 * 24 * 60 * 60_000;

export interface WaitingFacts {
  /** The target that it waits at. */
  target: Pick<Target, 'name' | 'promote' | 'hold' | 'state'>;
  upstream: Pick<Target, 'name'>;
  /** What it waits for; null: it was found to be needless, and is gone. */
  awaited: Pick<Deployment, 'id' | 'state' | 'supersededBy' | 'builtCommit'> | null;
  /** What is live at the upstream target now. */
  upstreamLive: Pick<Deployment, 'id' | 'cause' | 'commit'> | null;
  /** Commits of the same branch or tag that wait here as well. */
  others: readonly string[];
  now: number;
}

export type WaitingVerdict =
  | { kind: 'wait' }
  /** From here on a person decides. */
  | { kind: 'ask'; reason: string; until: number; commit: string }
  /** Its turn: into the lane. */
  | { kind: 'go'; reason: string; commit: string }
  | { kind: 'end'; state: 'stopped' | 'superseded'; reason: string; supersededBy: string | null }
  /** Nothing came of the push over there, so nothing does here. */
  | { kind: 'drop'; reason: string };

/** What becomes of a deployment that waits for another target's, or for a person after that (design.md §4). Pure. */
export function settleWaiting(
  waiting: Pick<Deployment, 'approvalUntil' | 'commit'>,
  facts: WaitingFacts,
): WaitingVerdict {
  const { target, upstream, awaited } = facts;
  if (awaited === null) {
    return { kind: 'drop', reason: `${upstream.name}, which it waited for, did not deploy it.` };
  }
  switch (awaited.state) {
    case 'live':
      return afterLive(waiting, awaited, facts);
    case 'handed_off': {
      const reason = `Handed on at ${upstream.name}, which does not report the result; waits for a person.`;
      return askOrExpire(waiting, reason, facts);
    }
    case 'failed':
      return end(`It failed on ${upstream.name}, so it does not go on to ${target.name}.`);
    case 'stopped':
      return end(`It was stopped on ${upstream.name}, so it does not go on to ${target.name}.`);
    case 'superseded': {
      const { supersededBy } = awaited;
      const reason = `A newer commit took its place on ${upstream.name}.`;
      return { kind: 'end', state: 'superseded', reason, supersededBy };
    }
    default:
      return { kind: 'wait' };
  }
}

function afterLive(
  waiting: Pick<Deployment, 'approvalUntil' | 'commit'>,
  awaited: NonNullable<WaitingFacts['awaited']>,
  facts: WaitingFacts,
): WaitingVerdict {
  const { target, upstream, upstreamLive } = facts;
  if (upstreamLive?.cause === 'rollback' && upstreamLive.id > awaited.id) {
    const commit = upstreamLive.commit.slice(0, 12);
    return end(
      `${upstream.name} was rolled back to ${commit} before it went on to ${target.name}.`,
    );
  }
  // A backend that builds what its branch points at may have put a newer commit live than it was asked for.
  const commit = awaited.builtCommit ?? waiting.commit;
  if (commit !== waiting.commit && facts.others.includes(commit)) {
    const reason = `${upstream.name} went live with ${commit.slice(0, 12)} instead.`;
    return { kind: 'end', state: 'superseded', reason, supersededBy: commit };
  }
  if (target.promote === 'person' || waiting.approvalUntil !== null) {
    const reason = `Live on ${upstream.name}; waits for a person to let it go on.`;
    return askOrExpire({ ...waiting, commit }, reason, facts);
  }
  if (target.hold !== null) {
    return end(`Automatic deploys are on hold (${target.hold.by}: ${target.hold.reason}).`);
  }
  if (target.state !== 'active') return end(`Automatic deploys to ${target.name} are paused.`);
  return { kind: 'go', reason: `Live on ${upstream.name}; its turn is next.`, commit };
}

function askOrExpire(
  { approvalUntil, commit }: Pick<Deployment, 'approvalUntil' | 'commit'>,
  reason: string,
  { now }: WaitingFacts,
): WaitingVerdict {
  if (approvalUntil === null)
    return { kind: 'ask', reason, until: now + approvalLifetimeMs, commit };
  return now >= approvalUntil ? end('Nobody let it go on within 7 days.') : { kind: 'wait' };
}

function end(reason: string): WaitingVerdict {
  return { kind: 'end', state: 'stopped', reason, supersededBy: null };
}
