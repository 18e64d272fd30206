import type { HookEvent, Repository, Source, StoredEvent } from '../core/model/index.js';
import type { Ids, Transaction } from '../core/ports.js';
import { PushRecord, type PushRecordDeps, type RecordedPush } from './push-record.js';

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

/**
 * Step 3 of the path of a push, for all events that wait at this moment, in one transaction: the event, its ref changes, a
 * decision for each target, deployments, lanes. A delivery that was stored before changes nothing.
 */
export function acceptEvents(deps: PushRecordDeps) {
  return async (tx: Transaction, items: readonly InboundEvent[]): Promise<readonly Accepted[]> => {
    const repositories = await saveRepositories(tx, items, deps.clock());
    const rows = items.map((item, index) => eventRow(item, repositories[index] ?? null, deps.ids));
    const fresh = await tx.events.insertNew(rows);
    const pushes = new Map<string, RecordedPush>();
    for (const [index, event] of rows.entries()) {
      const repository = repositories[index];
      const told = items[index]?.event;
      if (!fresh.has(event.id) || !repository || !told) continue;
      if (told.kind === 'repository_deleted') {
        await tx.repositories.markDeleted(repository.id, deps.clock());
      } else if (told.kind === 'push') {
        const pushedBy = told.actor?.name ?? null;
        const { changes } = told;
        pushes.set(event.id, { event, repository, changes, pushedBy, cause: 'push' });
      }
    }
    const record = await PushRecord.of(tx, [...pushes.values()], deps);
    const results = rows.map(({ id }) => {
      const pushed = pushes.get(id);
      return {
        isNew: fresh.has(id),
        eventId: id,
        refChanges: pushed?.changes.length ?? 0,
        deployments: pushed ? record.add(pushed) : 0,
      };
    });
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
