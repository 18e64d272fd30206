/** What the store keeps of pushes: events, what each moved, what was decided on it, and where refs stand. */
import type {
  Decision,
  DeploymentState,
  KnownRef,
  Source,
  StoredEvent,
  StoredRefChange,
} from '../model/index.js';

export interface EventReads {
  byId(id: string): Promise<StoredEvent | null>;
  refChange(id: string): Promise<StoredRefChange | null>;
  /** What was told of these moves before, oldest first. */
  moves(moveKeys: readonly string[]): Promise<StoredRefChange[]>;
  decision(refChangeId: string, targetId: string): Promise<Decision | null>;
  /** How a push reached us, the first one and then its copies, in order of arrival. */
  arrivals(refChangeId: string): Promise<Arrival[]>;
  /** Newest first; copies of a push are left out. */
  recentRefChanges(
    repositoryId: string,
    limit: number,
    where?: RefChangeFilter,
  ): Promise<RefChangeWithDecisions[]>;
}

/** Each absent one: any. */
export interface RefChangeFilter {
  /** Name of the branch or tag. */
  refName?: string;
  /** Display name of who pushed. */
  person?: string;
  /** A decision was made for this target, or a deployment of it is in one of these states. */
  targetId?: string;
  states?: readonly DeploymentState[];
}

/** One delivery that told of a push. */
export interface Arrival {
  /** `reconcile`: nobody told us, we looked. Null: the source is not known any more. */
  door: Source['door'] | null;
  /** Unix ms. */
  receivedAt: number;
  /** Which try of the sender it was, from 1. */
  attemptNumber: number;
}

export interface RefChangeWithDecisions extends StoredRefChange {
  actorName: string | null;
  receivedAt: number;
  decisions: Decision[];
}

export interface RefReads {
  /** Those of the given names that are known. */
  find(keys: readonly RefKey[]): Promise<KnownRef[]>;
  ofRepository(repositoryId: string): Promise<KnownRef[]>;
}

export interface RefWrites {
  /** Creates or updates by repository, type and name. */
  save(refs: readonly KnownRef[]): Promise<void>;
}

export interface RefKey {
  repositoryId: string;
  refType: string;
  name: string;
}

/** What pushes of a batch led to, as rows. */
export interface PushNews {
  events: readonly StoredEvent[];
  refChanges: readonly StoredRefChange[];
  decisions: readonly Decision[];
  /** What is known of each ref from now on; no ref twice. */
  refs: readonly KnownRef[];
  /** Nothing else is written in this transaction. */
  isAll: boolean;
}

export interface EventWrites {
  /** Ids of those that were new; the others had been stored before. */
  insertNew(events: readonly StoredEvent[]): Promise<Set<string>>;
  /**
   * Everything about pushes that nobody had told of before, at once. False: some had been, and what was written of all of them
   * must be rolled back.
   */
  insertNews(news: PushNews): Promise<boolean>;
  insertRefChanges(changes: readonly StoredRefChange[]): Promise<void>;
  insertDecisions(decisions: readonly Decision[]): Promise<void>;
  /** What was stored as a copy turned out to be the next occurrence of its move. Changes nothing that is no copy. */
  partFromFirst(refChangeId: string): Promise<void>;
  /** Says of decisions that reconcile led to that their webhook came late. */
  noteLate(refChangeIds: readonly string[]): Promise<void>;
  /** Completes a pending decision. */
  decide(
    refChangeId: string,
    targetId: string,
    verdict: Pick<Decision, 'outcome' | 'reasonCode' | 'reason' | 'deploymentId'>,
  ): Promise<void>;
}
