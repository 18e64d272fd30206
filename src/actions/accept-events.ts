import { newDeployment } from '../core/delivery/new-deployment.js';
import type {
  Decision,
  Deployment,
  HookEvent,
  Repository,
  Source,
  StoredEvent,
  StoredRefChange,
  Target,
} from '../core/model/index.js';
import type { Clock, Ids, Transaction } from '../core/ports.js';
import { decide, slotOf, type RoutingFacts } from '../core/routing/decide.js';
import { enqueueNewest } from './enqueue.js';

/** A verified, parsed delivery on its way into the store. */
export interface InboundEvent {
  source: Source;
  /** The workspace the source speaks for. */
  workspaceUuid: string;
  deliveryId: string;
  eventKey: string;
  attemptNumber: number;
  event: Exclude<HookEvent, { kind: 'ignored' }>;
  body: string;
  bodyDigest: string;
  receivedAt: number;
}

export interface Accepted {
  /** False: stored before; nothing was changed. */
  isNew: boolean;
  eventId: string;
  refChanges: number;
  /** Deployments that now wait in a lane. */
  deployments: number;
}

export interface AcceptDeps {
  clock: Clock;
  ids: Ids;
  matches: RoutingFacts['matches'];
  backendFacts(backendId: string): RoutingFacts['backend'];
}

/**
 * Step 3 of the path of a push, for all events that wait at this moment, in one transaction: the event, its ref changes, a
 * decision for each target, deployments, lanes. A delivery that was stored before changes nothing.
 */
export function acceptEvents(deps: AcceptDeps) {
  return async (tx: Transaction, items: readonly InboundEvent[]): Promise<readonly Accepted[]> => {
    const repositories = await saveRepositories(tx, items, deps.clock());
    const rows = items.map((item, index) => eventRow(item, repositories[index] ?? null, deps.ids));
    const fresh = await tx.events.insertNew(rows);
    const active = repositories.filter((repository) => repository !== null);
    const targets = await tx.targets.ofRepositories([...new Set(active.map(({ id }) => id))]);
    const record = new PushRecord(deps, targets);
    const results: Accepted[] = [];
    for (const [index, item] of items.entries()) {
      const row = rows[index];
      const repository = repositories[index] ?? null;
      if (!row) continue;
      const isNew = fresh.has(row.id);
      const counts =
        isNew && repository && item.event.kind === 'push'
          ? record.add(row, repository, item)
          : { refChanges: 0, deployments: 0 };
      if (isNew && repository && item.event.kind === 'repository_deleted') {
        await tx.repositories.markDeleted(repository.id, deps.clock());
      }
      results.push({ isNew, eventId: row.id, ...counts });
    }
    await record.store(tx);
    return results;
  };
}

/**
 * Names are refreshed by every event. A repository that is stored under another workspace is not taken over on the word of
 * an event alone: its targets hold secrets. The old workspace may give it away (`repo:transfer`); the new one gets it when
 * its admin opens the panel and Bitbucket confirms it.
 */
async function saveRepositories(
  tx: Transaction,
  items: readonly InboundEvent[],
  now: number,
): Promise<(Repository | null)[]> {
  const seen = new Map<string, Repository | null>();
  const saved: (Repository | null)[] = [];
  for (const { event, workspaceUuid } of items) {
    const facts = event.repository;
    const cacheKey = JSON.stringify([event.kind, workspaceUuid, facts]);
    let repository = seen.get(cacheKey);
    if (repository === undefined) {
      const known = await tx.repositories.byUuid(facts.uuid);
      const owner =
        event.kind === 'repository_transferred' && facts.workspaceUuid !== null
          ? facts.workspaceUuid
          : workspaceUuid;
      repository =
        known && known.workspaceUuid !== workspaceUuid
          ? null
          : await tx.repositories.saveFacts(facts, owner, now);
      seen.set(cacheKey, repository);
    }
    saved.push(repository);
  }
  return saved;
}

function eventRow(item: InboundEvent, repository: Repository | null, ids: Ids): StoredEvent {
  return {
    id: ids.next(),
    sourceId: item.source.id,
    deliveryId: item.deliveryId,
    eventKey: item.eventKey,
    state: 'recorded',
    repositoryId: repository?.id ?? null,
    actor: item.event.actor,
    attemptNumber: item.attemptNumber,
    bodyDigest: item.bodyDigest,
    body: item.body,
    receivedAt: item.receivedAt,
  };
}

/** Collects what a batch of pushes means, so that it is written with few statements. */
class PushRecord {
  readonly #deps: AcceptDeps;
  readonly #targetsOf = new Map<string, Target[]>();
  readonly #changes: StoredRefChange[] = [];
  readonly #decisions: Decision[] = [];
  readonly #deployments: Deployment[] = [];

  constructor(deps: AcceptDeps, targets: readonly Target[]) {
    this.#deps = deps;
    for (const target of targets) {
      const siblings = this.#targetsOf.get(target.repositoryId);
      if (siblings) siblings.push(target);
      else this.#targetsOf.set(target.repositoryId, [target]);
    }
  }

  add(
    event: StoredEvent,
    repository: Repository,
    item: InboundEvent,
  ): { refChanges: number; deployments: number } {
    if (item.event.kind !== 'push') return { refChanges: 0, deployments: 0 };
    const before = this.#deployments.length;
    for (const [position, change] of item.event.changes.entries()) {
      const stored: StoredRefChange = {
        ...change,
        id: this.#deps.ids.next(),
        eventId: event.id,
        position,
        repositoryId: repository.id,
        createdAt: event.receivedAt,
      };
      this.#changes.push(stored);
      for (const target of this.#targetsOf.get(repository.id) ?? []) {
        this.#decide(stored, target, item.event.actor?.name ?? null);
      }
    }
    return {
      refChanges: item.event.changes.length,
      deployments: this.#deployments.length - before,
    };
  }

  async store(tx: Transaction): Promise<void> {
    await tx.events.insertRefChanges(this.#changes);
    await tx.events.insertDecisions(this.#decisions);
    await enqueueNewest(tx, this.#deployments, this.#deps.clock());
  }

  #decide(change: StoredRefChange, target: Target, pushedBy: string | null): void {
    const now = this.#deps.clock();
    const verdict = decide(change, target, {
      matches: this.#deps.matches,
      backend: this.#deps.backendFacts(target.backend),
    });
    let deployment: Deployment | null = null;
    if (verdict.outcome === 'deploy' && change.to !== null) {
      deployment = newDeployment(
        {
          id: this.#deps.ids.next(),
          pageToken: this.#deps.ids.secretToken(),
          targetId: target.id,
          repositoryId: target.repositoryId,
          refChangeId: change.id,
          slot: slotOf(change.refType, change.name),
          refType: change.refType,
          refName: change.name,
          commit: change.to,
          message: change.message,
          author: change.author,
          cause: 'push',
          causedBy: pushedBy ?? change.author,
        },
        now,
      );
      this.#deployments.push(deployment);
    }
    this.#decisions.push({
      refChangeId: change.id,
      targetId: target.id,
      outcome: verdict.outcome,
      reasonCode: verdict.reasonCode,
      reason: verdict.reason,
      deploymentId: deployment?.id ?? null,
      createdAt: now,
    });
  }
}
