import type { Deployment, DeploymentCause, PendingCheck } from '../model/index.js';

export interface DeploymentWish {
  id: string;
  pageToken: string;
  targetId: string;
  repositoryId: string;
  refChangeId: string | null;
  slot: string;
  refType: string;
  refName: string;
  commit: string;
  message: string | null;
  author: string | null;
  cause: DeploymentCause;
  causedBy: string | null;
  rollbackOf?: string;
  /** The deployment it waits for before it enters its lane. */
  waitsFor?: string;
  /** Why it waits. */
  reason?: string;
  pendingChecks?: PendingCheck[];
}

/** A deployment as it enters its lane. */
export function newDeployment(wish: DeploymentWish, now: number): Deployment {
  return {
    ...wish,
    rollbackOf: wish.rollbackOf ?? null,
    pendingChecks: wish.pendingChecks ?? [],
    slotSince: now,
    state: wish.waitsFor === undefined ? 'queued' : 'waiting',
    reason: wish.reason ?? null,
    waitsFor: wish.waitsFor ?? null,
    approvalUntil: null,
    approvedBy: null,
    supersededBy: null,
    backendRef: null,
    builtCommit: null,
    url: null,
    progress: null,
    logTail: null,
    cancelRequestedBy: null,
    clonedWith: null,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    updatedAt: now,
  };
}
