import { RunAgain } from '../core/run-again.js';
import type { HookEvent, Person, Repository, Source, StoredEvent } from '../core/model/index.js';
import type { Ids, Transaction } from '../core/ports.js';
import { withKeptNames } from '../core/routing/ref-name.js';
import { sameUuid } from '../lib/same-uuid.js';
import { allSettled } from '../lib/settled.js';
import { findNames } from './missing-names.js';
import { PushRecord, type PushRecordDeps, type RecordedPush } from './push-record.js';

/** A verified, parsed delivery on its way into the store. */
export interface InboundEvent {
  source: Source;
  /** The workspace the source speaks for; null: its one repository, wherever that is. */
  workspaceUuid: string | null;
  deliveryId: string;
  eventKey: string;
  attemptNumber: number;
  event: Exclude<HookEvent, { kind: 'ignored' }>;
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
  /** Of batches that turned out not to be all news. */
  const checkedFirst = new WeakSet<InboundEvent>();
  return async (tx: Transaction, items: readonly InboundEvent[]): Promise<readonly Accepted[]> => {
    const repositories = await saveRepositories(tx, items, deps.clock());
    const actors = await findNames(tx, items, repositories, deps.clock());
    const rows = items.map((item, index) =>
      eventRow(item, repositories[index] ?? null, actors.get(item) ?? item.event.actor, deps.ids),
    );
    const pushes = new Map<string, RecordedPush>();
    for (const [index, event] of rows.entries()) {
      const repository = repositories[index];
      const told = items[index]?.event;
      if (!repository || told?.kind !== 'push') continue;
      const changes = withKeptNames(told.changes, (text) => deps.digest(text));
      const pushedBy = event.actor;
      const sourceSince = items[index]?.source.createdAt ?? 0;
      pushes.set(event.id, { event, repository, changes, sourceSince, pushedBy, cause: 'push' });
    }
    const record = await PushRecord.of(tx, [...pushes.values()], deps);
    const isAllNews = pushes.size === rows.length && record.looksNew();
    if (isAllNews && !items.some((item) => checkedFirst.has(item))) {
      const taken = await takeForNews(tx, rows, pushes, record, items, deps);
      if (taken) return taken;
      for (const item of items) checkedFirst.add(item);
      throw new RunAgain();
    }
    // What is asked for here does not depend on which of the events are new, and so need not wait for it.
    const [fresh] = await allSettled([
      tx.events.insertNew(rows),
      record.readMoves(tx),
      noteHooks(tx, items, deps.clock()),
    ]);
    for (const [index, { id, repositoryId }] of rows.entries()) {
      if (items[index]?.event.kind !== 'repository_deleted' || !fresh.has(id)) continue;
      if (repositoryId !== null) await tx.repositories.markDeleted(repositoryId, deps.clock());
    }
    const results = rows.map(({ id }) => {
      const pushed = fresh.has(id) ? pushes.get(id) : undefined;
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
 * Stores pushes that continue what is known as if nobody had told of them before, which the store finds out on the way: what
 * nearly always is costs one round of statements then, instead of one after the other. Null: it was not; what was written must be
 * rolled back.
 */
async function takeForNews(
  tx: Transaction,
  rows: readonly StoredEvent[],
  pushes: ReadonlyMap<string, RecordedPush>,
  record: PushRecord,
  items: readonly InboundEvent[],
  deps: PushRecordDeps,
): Promise<Accepted[] | null> {
  const results: Accepted[] = [];
  for (const { id } of rows) {
    const pushed = pushes.get(id);
    const deployments = pushed ? record.add(pushed) : 0;
    results.push({
      isNew: true,
      eventId: id,
      refChanges: pushed?.changes.length ?? 0,
      deployments,
    });
  }
  await noteHooks(tx, items, deps.clock());
  return (await record.storeAsNews(tx, rows)) ? results : null;
}

/** Whatever a hook sends shows that it works. */
async function noteHooks(
  tx: Transaction,
  items: readonly InboundEvent[],
  now: number,
): Promise<void> {
  const sources = items.filter(({ source }) => source.door === 'oauth');
  await tx.hooks.heard([...new Set(sources.map(({ source }) => source.id))], now);
}

/**
 * Names are refreshed by every event. A repository that is stored under another workspace is not taken over on the word of
 * an event alone: its targets hold secrets. The old workspace may give it away (`repo:transfer`), and so may its own hook; the
 * new one gets it when its admin opens the panel, or the hook's check, and Bitbucket confirms it.
 */
async function saveRepositories(
  tx: Transaction,
  items: readonly InboundEvent[],
  now: number,
): Promise<(Repository | null)[]> {
  // Those that are not remembered are asked for all at once.
  const uuids = new Set(items.map(({ event }) => event.repository.uuid));
  await allSettled([...uuids].map((uuid) => tx.repositories.byUuid(uuid)));
  const saved: (Repository | null)[] = [];
  // One after the other: an event may move or rename what the next one is about.
  for (const item of items) saved.push(await saveRepository(tx, item, now));
  return saved;
}

async function saveRepository(
  tx: Transaction,
  { event, workspaceUuid }: InboundEvent,
  now: number,
): Promise<Repository | null> {
  const facts = event.repository;
  const known = await tx.repositories.byUuid(facts.uuid);
  const speaker = workspaceUuid ?? known?.workspaceUuid ?? null;
  if (speaker === null || (known && known.workspaceUuid !== speaker)) return null;
  const named = facts.workspaceUuid;
  if (event.kind === 'repository_transferred' && named !== null) {
    return tx.repositories.saveFacts(facts, named, now);
  }
  const isElsewhere = named !== null && !sameUuid(named, speaker);
  // Its hook went along to another workspace and no transfer was told: Bitbucket will be asked where it is.
  if (isElsewhere && known) await tx.hooks.checkSoon(known.id, now);
  const names = isElsewhere ? { workspaceSlug: null, workspaceName: null } : {};
  return tx.repositories.saveFacts({ ...facts, ...names }, speaker, now);
}

function eventRow(
  item: InboundEvent,
  repository: Repository | null,
  actor: Person | null,
  ids: Ids,
): StoredEvent {
  return {
    id: ids.next(),
    sourceId: item.source.id,
    deliveryId: item.deliveryId,
    eventKey: item.eventKey,
    state: 'recorded',
    repositoryId: repository?.id ?? null,
    actor,
    attemptNumber: item.attemptNumber,
    bodyDigest: '',
    receivedAt: item.receivedAt,
  };
}
