import { newDeployment } from '../core/delivery/new-deployment.js';
import { retryDelayMs } from '../core/delivery/retry-schedule.js';
import { BitbucketError } from '../core/errors.js';
import type { Deployment, KnownRef, Target } from '../core/model/index.js';
import type { RemoteCommit, Transaction } from '../core/ports.js';
import { decide } from '../core/routing/decide.js';
import { carefulForMs } from '../core/routing/same-push.js';
import { enqueueNewest, supersedeQueued } from './enqueue.js';
import { addFollowers } from './add-followers.js';
import { wakeWaiters } from './settle-waiting.js';
import type { CheckStep } from './plan-lanes.js';
import type { SettledLane } from './settle-lanes.js';
import type { LaneDeps } from './step-lane.js';

/** What Bitbucket said about a deployment that may not run unasked. */
export type CheckAnswer =
  /** `askedAs`: everything that was recorded after the question has a greater id. */
  | { kind: 'head'; head: RemoteCommit | null; askedAs: string }
  | { kind: 'paths'; since: string | null; changed: string[] | null }
  | { kind: 'no_answer'; reason: string; retryAfterMs: number | null };

/** Asks what the first pending check wants to know. Never throws for Bitbucket's sake. */
export async function askBitbucket(step: CheckStep, deps: LaneDeps): Promise<CheckAnswer> {
  const { deployment, repository, live } = step;
  const askedAs = deps.ids.next();
  if (!repository) return { kind: 'head', head: null, askedAs };
  try {
    if (deployment.pendingChecks[0] === 'head') {
      const refType = deployment.refType === 'tag' ? 'tag' : 'branch';
      const head = await deps.bitbucket.head(repository, refType, deployment.refName);
      return { kind: 'head', head, askedAs };
    }
    if (!live) return { kind: 'paths', since: null, changed: null };
    const since = live.builtCommit ?? live.commit;
    const changed = await deps.bitbucket.changedPaths(repository, since, deployment.commit);
    return { kind: 'paths', since, changed };
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    return { kind: 'no_answer', reason: error.message, retryAfterMs: error.retryAfterMs };
  }
}

/** Stores what follows from the answer, guarded by the lease. False: the lease was lost. */
export async function settleCheck(
  tx: Transaction,
  step: CheckStep,
  answer: CheckAnswer,
  deps: LaneDeps,
): Promise<SettledLane> {
  const now = deps.clock();
  const failures = answer.kind === 'no_answer' ? step.failures + 1 : 0;
  const dueAt =
    answer.kind === 'no_answer'
      ? now + retryDelayMs(failures, deps.random(), answer.retryAfterMs ?? undefined)
      : now;
  const change = { lease: step.lease, dueAt, currentDeploymentId: null, failures };
  const given = await tx.lanes.settle([change], now);
  const settled = { held: given.size > 0, dueAt: given.get(step.lease.targetId) ?? null };
  if (!settled.held) return settled;
  if (answer.kind === 'no_answer') {
    const reason = `Waits for Bitbucket: ${answer.reason}`;
    await tx.deployments.update(step.deployment.id, { reason, updatedAt: now });
  } else if (answer.kind === 'head') {
    await settleHead(tx, step, answer, now, deps);
  } else {
    await settlePaths(tx, step, answer, now, deps);
  }
  return settled;
}

/**
 * One look at the head settles every deployment of the slot that waited for it. The head wins, but for what was pushed while it
 * was read: the answer knows nothing of that, and may be older.
 */
async function settleHead(
  tx: Transaction,
  { deployment, target }: CheckStep,
  { head, askedAs }: Extract<CheckAnswer, { kind: 'head' }>,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  const where = { targetId: target.id, states: ['queued'] } as const;
  const queued = await tx.deployments.recent(where, { limit: 10_000 });
  const inSlot = queued.filter(({ slot }) => slot === deployment.slot);
  const isDoubted = ({ pendingChecks }: Deployment): boolean => pendingChecks.includes('head');
  const inDoubt = inSlot.filter(isDoubted);
  const asked = inDoubt.filter(({ id }) => id < askedAs);
  const since = inSlot.filter(({ id }) => id > askedAs);
  const newer = since.find((each) => !isDoubted(each));
  const winner = asked.find(({ commit }) => commit === head?.hash) ?? null;
  for (const other of asked) {
    if (other !== winner) await dropOvertaken(tx, other, head, now, deps);
  }
  await saveHead(tx, deployment, since.length === 0 ? { head } : null, now, deps);
  const doubted = inDoubt.map(({ id }) => id);
  const decided = await tx.deployments.lastOfSlot(target.id, deployment.slot, doubted);
  if (newer) {
    const reason = `Commit ${short(newer.commit)} was pushed while this was looked at.`;
    if (winner) await drop(tx, winner, 'overtaken', reason, now);
  } else if (winner && decided?.commit === winner.commit) {
    const reason = `Commit ${short(winner.commit)} had its turn before; this told of it once more.`;
    await drop(tx, winner, 'already_decided', reason, now);
  } else if (winner) {
    await admit(tx, winner, now, deps);
  } else if (head && decided?.commit !== head.hash) {
    await deployHead(tx, deployment, target, head, now, deps);
  }
}

/** It is the head: from here on it is an ordinary queued deployment, and what waited before it is superseded. */
async function admit(
  tx: Transaction,
  winner: Deployment,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  if (winner.refChangeId !== null) await tx.events.partFromFirst(winner.refChangeId);
  const replaced = await supersedeQueued(tx, winner, now, deps);
  const slotSince = Math.min(winner.slotSince, ...replaced.map((each) => each.slotSince));
  const pendingChecks = winner.pendingChecks.filter((check) => check !== 'head');
  await tx.deployments.update(winner.id, {
    slotSince,
    pendingChecks,
    reason: null,
    updatedAt: now,
  });
  if (pendingChecks.length === 0) await decideFor(tx, winner, 'deploy', 'matched', null);
}

async function dropOvertaken(
  tx: Transaction,
  deployment: Deployment,
  head: RemoteCommit | null,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  const where = head === null ? 'was deleted' : `had moved on to ${short(head.hash)}`;
  const reason = `The ${deployment.refType} ${where} when this event was looked at.`;
  deps.logger.info({ deployment: deployment.id, head: head?.hash ?? null }, 'deployment.overtaken');
  await drop(tx, deployment, 'overtaken', reason, now);
}

/** The head was never decided on: its own event is missing or late. */
async function deployHead(
  tx: Transaction,
  like: Deployment,
  target: Target,
  head: RemoteCommit,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  const change = {
    refType: like.refType,
    name: like.refName,
    to: head.hash,
    message: head.message,
  };
  const verdict = decide(change, target, {
    matches: deps.routing.matches,
    backend: deps.routing.backendFacts(target.backend),
  });
  if (verdict.outcome === 'skip') return;
  const wish = {
    id: deps.ids.next(),
    pageToken: deps.ids.secretToken(),
    targetId: target.id,
    repositoryId: target.repositoryId,
    refChangeId: null,
    slot: like.slot,
    refType: like.refType,
    refName: like.refName,
    commit: head.hash,
    message: head.message,
    author: head.author,
    cause: 'reconcile' as const,
    causedBy: null,
    pendingChecks: verdict.outcome === 'pending' ? (['paths'] as const).slice() : [],
  };
  const deployment = newDeployment(wish, now);
  await enqueueNewest(tx, [deployment], now, deps);
  await addFollowers(tx, deployment, target, deps);
}

/** `seen`: null where something was told of while it was read. */
async function saveHead(
  tx: Transaction,
  { repositoryId, refType, refName: name }: Deployment,
  seen: { head: RemoteCommit | null } | null,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  const [known] = await tx.refs.find([{ repositoryId, refType, name }]);
  const ref: KnownRef = {
    id: known?.id ?? deps.ids.next(),
    repositoryId,
    refType,
    name,
    head: seen === null ? (known?.head ?? null) : (seen.head?.hash ?? null),
    // Something was out of order here: what is still missing may come late, and may look as if it fitted.
    carefulUntil: now + carefulForMs,
    unknownHead: null,
    unknownSince: null,
    updatedAt: now,
  };
  await tx.refs.save([ref]);
}

async function settlePaths(
  tx: Transaction,
  { deployment, target }: CheckStep,
  { since, changed }: Extract<CheckAnswer, { kind: 'paths' }>,
  now: number,
  deps: LaneDeps,
): Promise<void> {
  const matching = changed?.filter((path) => matters(path, target, deps.routing.matchesPath));
  if (since !== null && matching?.length === 0) {
    const reason =
      target.includePaths === null
        ? `Only files of ${target.excludePaths} changed since ${short(since)}, which is live.`
        : `No file of ${target.includePaths} changed since ${short(since)}, which is live.`;
    await drop(tx, deployment, 'paths_unchanged', reason, now);
    deps.logger.info({ deployment: deployment.id, reason }, 'deployment.not_needed');
    return;
  }
  const pendingChecks = deployment.pendingChecks.filter((check) => check !== 'paths');
  await tx.deployments.update(deployment.id, { pendingChecks, reason: null, updatedAt: now });
  await decideFor(tx, deployment, 'deploy', 'paths_matched', whyDeployed(since, matching));
}

function matters(
  path: string,
  { includePaths, excludePaths }: Target,
  matches: (patterns: string, path: string) => boolean,
): boolean {
  if (excludePaths !== null && matches(excludePaths, path)) return false;
  return includePaths === null || matches(includePaths, path);
}

function whyDeployed(since: string | null, matching: readonly string[] | undefined): string {
  if (since === null) return 'Nothing is live yet, so every file counts.';
  if (!matching) {
    return `Which files changed since ${short(since)} cannot be known, so it is deployed to be safe.`;
  }
  const more = matching.length > 1 ? ` and ${matching.length - 1} more` : '';
  return `${matching[0]}${more} changed since ${short(since)}, which is live.`;
}

/** It never started, so its decision says all there is to say. One that had started before keeps its row. */
async function drop(
  tx: Transaction,
  deployment: Deployment,
  reasonCode: string,
  reason: string,
  now: number,
): Promise<void> {
  await wakeWaiters(tx, [deployment.id], now);
  if (deployment.startedAt === null) await tx.deployments.remove(deployment.id);
  else await tx.deployments.update(deployment.id, { state: 'stopped', reason });
  await decideFor(tx, deployment, 'skip', reasonCode, reason);
}

async function decideFor(
  tx: Transaction,
  deployment: Deployment,
  outcome: 'deploy' | 'skip',
  reasonCode: string,
  reason: string | null,
): Promise<void> {
  if (deployment.refChangeId === null) return;
  const made = await tx.events.decision(deployment.refChangeId, deployment.targetId);
  if (!made) return;
  await tx.events.decide(deployment.refChangeId, deployment.targetId, {
    outcome,
    reasonCode,
    reason: reason ?? made.reason,
    deploymentId: outcome === 'deploy' ? deployment.id : null,
  });
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
