import { bitbucketRetryMs } from '../core/delivery/retry-schedule.js';
import { BitbucketError } from '../core/errors.js';
import { explainHook } from '../core/hooks/explain.js';
import type { KnownRef, RefChange, Repository, StoredEvent, Target } from '../core/model/index.js';
import type { Bitbucket, Logger, Storage, Transaction, Waker } from '../core/ports.js';
import { longestRefName } from '../core/routing/ref-name.js';
import { reconcileSourceId } from '../core/routing/same-push.js';
import { tellOfHook } from './hook-notices.js';
import { PushRecord, type PushRecordDeps } from './push-record.js';
import { graceFor } from './reconcile-grace.js';

export interface ReconcileDeps extends PushRecordDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'heads' | 'head'>;
  random(): number;
  waker: Waker;
  logger: Logger;
}

/** Between two looks at a repository, drawn between half and one and a half of it. */
const intervalMs = 15 * 60_000;
/** A look that takes longer has died. */
const claimMs = 10 * 60_000;

/**
 * Step 9: compares the heads of every due repository with the last commits decided on, deployed or not, and acts on those
 * that no event told of. Returns how many repositories it looked at.
 */
export async function reconcileDue(deps: ReconcileDeps, limit: number): Promise<number> {
  const now = deps.clock();
  const due = await deps.storage.write((tx) =>
    tx.repositories.claimReconcile(limit, now, now + claimMs),
  );
  for (const repository of due) await reconcileOne(repository, deps);
  return due.length;
}

async function reconcileOne(repository: Repository, deps: ReconcileDeps): Promise<void> {
  const targets = await deps.storage.read.targets.ofRepository(repository.id);
  if (targets.length === 0) {
    await deps.storage.write((tx) =>
      tx.repositories.touch(repository.id, { reconcileDueAt: null }),
    );
    return;
  }
  try {
    const seen = await look(repository, targets, deps);
    const lost = await deps.storage.write((tx) => compare(tx, repository, seen, deps));
    if (lost.length > 0) await act(repository, lost, deps);
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    // Without a status it is our own restraint: with many repositories each waits for its turn.
    const isPostponed = error.code === 'bitbucket_rate_limited' && error.status === null;
    if (isPostponed) deps.logger.debug({ repository: repository.uuid }, 'reconcile.postponed');
    else deps.logger.warn({ repository: repository.uuid, err: error }, 'reconcile.failed');
    const delay = bitbucketRetryMs(3, deps.random(), error.retryAfterMs);
    const reconcileDueAt = deps.clock() + delay;
    await deps.storage.write((tx) => tx.repositories.touch(repository.id, { reconcileDueAt }));
  }
}

interface Seen {
  /** Before the first question: what was stored after it is newer than what was seen. */
  askedAt: number;
  /** Whether a ref would have been seen if it were there. */
  covers(refType: string, name: string): boolean;
  heads: { refType: 'branch' | 'tag'; name: string; hash: string }[];
}

/** Only refs that some target could deploy: a repository may have thousands of others. */
async function look(
  repository: Repository,
  targets: readonly Target[],
  deps: ReconcileDeps,
): Promise<Seen> {
  const askedAt = deps.clock();
  const patternsOf = new Map<string, string[]>();
  const covers: Seen['covers'] = (refType, name) =>
    patternsOf.get(refType)?.some((pattern) => deps.matches(pattern, name)) ?? false;
  const seen: Seen = { askedAt, covers, heads: [] };
  for (const refType of ['branch', 'tag'] as const) {
    const patterns = targets
      .map((target) => (refType === 'tag' ? target.tagPattern : target.branchPattern))
      .filter((pattern) => pattern !== null);
    if (patterns.length === 0) continue;
    patternsOf.set(refType, patterns);
    for (const [name, hash] of await deps.bitbucket.heads(repository, refType)) {
      if (name.length > longestRefName) continue;
      if (covers(refType, name)) seen.heads.push({ refType, name, hash });
    }
  }
  return seen;
}

/** A head that no event told of, past its grace. */
interface Lost {
  refType: 'branch' | 'tag';
  name: string;
  from: string | null;
  hash: string;
}

async function compare(
  tx: Transaction,
  repository: Repository,
  seen: Seen,
  deps: ReconcileDeps,
): Promise<Lost[]> {
  const now = deps.clock();
  const graceMs = await graceFor(tx, repository);
  const known = new Map<string, KnownRef>();
  for (const ref of await tx.refs.ofRepository(repository.id)) known.set(keyOf(ref), ref);
  const changed: KnownRef[] = [];
  const lost: Lost[] = [];
  let waits = false;
  for (const { refType, name, hash } of seen.heads) {
    const ref = known.get(keyOf({ refType, name })) ?? null;
    known.delete(keyOf({ refType, name }));
    if (ref && isNewerThan(seen, ref, now)) continue;
    if (ref?.head === hash) continue;
    if (!ref && repository.baselineAt === null) {
      changed.push(newRef(repository, refType, name, hash, now, deps));
    } else if (ref?.unknownHead === hash && now - (ref.unknownSince ?? now) >= graceMs) {
      lost.push({ refType, name, from: ref.head, hash });
    } else {
      waits = true;
      if (ref?.unknownHead === hash && (ref.unknownSince ?? now) <= now) continue;
      const base = ref ?? newRef(repository, refType, name, null, now, deps);
      changed.push({ ...base, unknownHead: hash, unknownSince: now });
    }
  }
  for (const ref of known.values()) {
    const gone =
      ref.head !== null && seen.covers(ref.refType, ref.name) && !isNewerThan(seen, ref, now);
    if (gone)
      changed.push({ ...ref, head: null, unknownHead: null, unknownSince: null, updatedAt: now });
  }
  await tx.refs.save(changed);
  const next = waits ? graceMs + 1_000 : Math.round(intervalMs * (0.5 + deps.random()));
  await tx.repositories.touch(repository.id, {
    reconcileDueAt: now + next,
    baselineAt: repository.baselineAt ?? now,
  });
  return lost;
}

/** It was told of while we looked. A time that is yet to come is from before the clock was set back. */
function isNewerThan({ askedAt }: Seen, { updatedAt }: KnownRef, now: number): boolean {
  return updatedAt >= askedAt && updatedAt <= now;
}

/** Told like any other push, by a source of our own: a webhook that comes late then joins it as its copy. */
async function act(
  repository: Repository,
  lost: readonly Lost[],
  deps: ReconcileDeps,
): Promise<void> {
  const changes: RefChange[] = [];
  for (const { refType, name, from, hash } of lost) {
    const head = await deps.bitbucket.head(repository, refType, name);
    // It moved on while we looked; the next look sees where to.
    if (head?.hash !== hash) continue;
    const kind = from === null ? 'create' : 'update';
    const { message, author } = head;
    changes.push({ refType, name, from, to: hash, kind, message, author });
  }
  if (changes.length === 0) return;
  const deployments = await deps.storage.write(async (tx) => {
    const event = await storeEvent(tx, repository, deps);
    const recorded = {
      event,
      repository,
      changes,
      sourceSince: 0,
      pushedBy: null,
      cause: 'reconcile' as const,
    };
    const record = await PushRecord.of(tx, [recorded], deps);
    await record.readMoves(tx);
    const made = record.add(recorded);
    await record.store(tx);
    await alarm(tx, repository, changes, deps);
    return made;
  });
  deps.logger.warn(
    { repository: repository.uuid, refs: changes.map(({ name }) => name), deployments },
    'reconcile.found_lost_push',
  );
  deps.waker.wake();
}

/** Whoever relies on the repository's own webhook should know that it was silent. */
async function alarm(
  tx: Transaction,
  repository: Repository,
  changes: readonly RefChange[],
  deps: ReconcileDeps,
): Promise<void> {
  const hook = await tx.hooks.ofRepository(repository.id);
  const [first] = changes;
  if (hook?.state !== 'active' || !first) return;
  const raised = { since: deps.clock(), refName: first.name };
  await tx.hooks.raiseAlarm(repository.id, raised);
  const words = explainHook({ health: null, alarm: raised });
  const stamp = { id: deps.ids.next(), now: raised.since };
  if (words) await tellOfHook(tx, hook, repository, { kind: 'hook_silent', words }, stamp);
}

async function storeEvent(
  tx: Transaction,
  repository: Repository,
  deps: ReconcileDeps,
): Promise<StoredEvent> {
  const now = deps.clock();
  const sourceId = reconcileSourceId(repository.id);
  await tx.installations.saveSource({
    id: sourceId,
    door: 'reconcile',
    key: repository.id,
    installationId: null,
    createdAt: now,
  });
  const id = deps.ids.next();
  const event: StoredEvent = {
    id,
    sourceId,
    deliveryId: id,
    eventKey: 'reconcile',
    state: 'recorded',
    repositoryId: repository.id,
    actor: null,
    attemptNumber: 1,
    bodyDigest: '',
    receivedAt: now,
  };
  await tx.events.insertNew([event]);
  return event;
}

function newRef(
  repository: Repository,
  refType: string,
  name: string,
  head: string | null,
  now: number,
  deps: ReconcileDeps,
): KnownRef {
  const base = { id: deps.ids.next(), repositoryId: repository.id, refType, name, head };
  return { ...base, carefulUntil: 0, unknownHead: null, unknownSince: null, updatedAt: now };
}

function keyOf({ refType, name }: Pick<KnownRef, 'refType' | 'name'>): string {
  return `${refType} ${name}`;
}
