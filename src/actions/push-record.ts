import { newDeployment } from '../core/delivery/new-deployment.js';
import type {
  Decision,
  Deployment,
  KnownRef,
  PendingCheck,
  Person,
  RefChange,
  Repository,
  StoredEvent,
  StoredRefChange,
  Target,
} from '../core/model/index.js';
import type { Clock, Ids, RefKey, Transaction } from '../core/ports.js';
import { decide, slotOf, type RoutingFacts } from '../core/routing/decide.js';
import { decideBehind, upstreamFirst, type Decided } from '../core/routing/followers.js';
import { allSettled } from '../lib/settled.js';
import {
  carefulForMs,
  isReconcileSource,
  mayBeNoCopy,
  needsHeadCheck,
  placeMove,
  type KnownMove,
} from '../core/routing/same-push.js';
import { enqueueNewest } from './enqueue.js';

export interface PushRecordDeps {
  clock: Clock;
  ids: Ids;
  matches: RoutingFacts['matches'];
  backendFacts(backendId: string): RoutingFacts['backend'];
  /** Fingerprint of a text. */
  digest(text: string): string;
}

/** One push of a batch, already stored as an event. */
export interface RecordedPush {
  event: StoredEvent;
  repository: Repository;
  changes: readonly RefChange[];
  /** When its source began, Unix ms; 0: it has always been there. */
  sourceSince: number;
  /** Null: nobody is said to have pushed; then the author of the commit stands for them. */
  pushedBy: Person | null;
  /** The push was found by our own look at the heads. */
  cause: 'push' | 'reconcile';
}

/** What a batch of pushes means: worked out in memory against what is known, then written with few statements. */
export class PushRecord {
  readonly #deps: PushRecordDeps;
  readonly #pushes: readonly RecordedPush[];
  readonly #targets = new Map<string, Target[]>();
  readonly #refs = new Map<string, KnownRef>();
  readonly #changedRefs = new Set<string>();
  readonly #moves = new Map<string, KnownMove[]>();
  readonly #keys = new Map<RefChange, string>();
  readonly #changes: StoredRefChange[] = [];
  readonly #decisions: Decision[] = [];
  /** Ref changes that reconcile found and that an event now tells of. */
  readonly #foundBefore: string[] = [];
  readonly #deployments: Deployment[] = [];

  private constructor(deps: PushRecordDeps, pushes: readonly RecordedPush[]) {
    this.#deps = deps;
    this.#pushes = pushes;
  }

  /** Reads, for all pushes at once, what is known of their targets and refs. */
  static async of(
    tx: Transaction,
    pushes: readonly RecordedPush[],
    deps: PushRecordDeps,
  ): Promise<PushRecord> {
    const record = new PushRecord(deps, pushes);
    const ids = [...new Set(pushes.map(({ repository }) => repository.id))];
    const keys = new Map<string, RefKey>();
    for (const { repository, changes } of pushes) {
      for (const change of changes) {
        const { refType, name } = change;
        keys.set(refKey(repository.id, change), { repositoryId: repository.id, refType, name });
      }
    }
    const [targets, refs] = await allSettled([
      tx.targets.ofRepositories(ids),
      tx.refs.find([...keys.values()]),
    ]);
    for (const target of targets) push(record.#targets, target.repositoryId, target);
    for (const ref of refs) record.#refs.set(refKey(ref.repositoryId, ref), ref);
    return record;
  }

  /**
   * Every change goes on from where its ref is known to be, or begins a ref nobody knows: most likely none of them was told of
   * before. That is a guess, and only `storeAsNews` knows.
   */
  looksNew(): boolean {
    const heads = new Map<string, string | null>();
    for (const { repository, changes } of this.#pushes) {
      for (const change of changes) {
        const key = refKey(repository.id, change);
        const head = heads.has(key) ? heads.get(key) : this.#refs.get(key)?.head;
        if (head !== undefined && head !== change.from) return false;
        heads.set(key, change.to);
      }
    }
    return true;
  }

  /** Must come before `add`, unless the pushes are known to be new. */
  async readMoves(tx: Transaction): Promise<void> {
    for (const move of await tx.events.moves(this.#moveKeys())) {
      push(this.#moves, move.moveKey, move);
    }
  }

  /** Returns how many deployments the push made. */
  add(recorded: RecordedPush): number {
    const before = this.#deployments.length;
    for (const [position, change] of recorded.changes.entries()) {
      this.#addChange(recorded, change, position);
    }
    return this.#deployments.length - before;
  }

  async store(tx: Transaction): Promise<void> {
    await allSettled([
      tx.events.insertRefChanges(this.#changes),
      tx.events.insertDecisions(this.#decisions),
      tx.refs.save(this.#newRefs()),
    ]);
    await tx.events.noteLate(this.#foundBefore);
    await enqueueNewest(tx, this.#deployments, this.#deps.clock(), this.#deps);
  }

  /** The same, and the events with it, as if nobody had told of them before. False: somebody had; it must be rolled back. */
  async storeAsNews(tx: Transaction, events: readonly StoredEvent[]): Promise<boolean> {
    const isNews = await tx.events.insertNews({
      events,
      refChanges: this.#changes,
      decisions: this.#decisions,
      refs: this.#newRefs(),
      isAll: this.#deployments.length === 0,
    });
    if (isNews) await enqueueNewest(tx, this.#deployments, this.#deps.clock(), this.#deps);
    return isNews;
  }

  #newRefs(): KnownRef[] {
    const changed = [...this.#changedRefs].map((key) => this.#refs.get(key));
    return changed.filter((ref) => ref !== undefined);
  }

  #addChange(recorded: RecordedPush, change: RefChange, position: number): void {
    const { event, repository } = recorded;
    const moveKey = this.#moveKey(repository, change);
    const told = this.#moves.get(moveKey) ?? [];
    const place = placeMove(event.sourceId, told, recorded.sourceSince);
    // Field by field: a spread of two objects costs more here than everything else.
    const { refType, name, from, to, kind, message, author } = change;
    const { occurrence, sameAs } = place;
    const stored: StoredRefChange = {
      id: this.#deps.ids.next(),
      eventId: event.id,
      position,
      repositoryId: repository.id,
      refType,
      name,
      from,
      to,
      kind,
      message,
      author,
      sourceId: event.sourceId,
      moveKey,
      occurrence,
      sameAs,
      createdAt: event.receivedAt,
    };
    push(this.#moves, moveKey, stored);
    this.#changes.push(stored);
    const first = told.find(({ id }) => id === place.sameAs);
    if (!first) this.#decideAll(recorded, stored, told.length > 0);
    else if (mayBeNoCopy(this.#refOf(stored), stored, first)) this.#askAbout(recorded, stored);
    if (first && isReconcileSource(first.sourceId)) this.#foundBefore.push(first.id);
  }

  #decideAll(recorded: RecordedPush, change: StoredRefChange, toldBefore: boolean): void {
    const ref = this.#refOf(change);
    const now = this.#deps.clock();
    const inDoubt = needsHeadCheck(ref, change, toldBefore, now);
    // Where the head will be asked for, the answer says what the head is; until then the old one stands.
    if (this.#decideEach(recorded, change, inDoubt)) return;
    const key = refKey(change.repositoryId, change);
    this.#refs.set(key, {
      id: ref?.id ?? this.#deps.ids.next(),
      repositoryId: change.repositoryId,
      refType: change.refType,
      name: change.name,
      head: change.to,
      carefulUntil: inDoubt ? now + carefulForMs : 0,
      unknownHead: null,
      unknownSince: null,
      updatedAt: now,
    });
    this.#changedRefs.add(key);
  }

  /** A copy that may be none; where nothing would come of it, it stays one. */
  #askAbout(recorded: RecordedPush, change: StoredRefChange): void {
    const before = this.#decisions.length;
    if (!this.#decideEach(recorded, change, true)) this.#decisions.length = before;
  }

  #refOf(change: StoredRefChange): KnownRef | null {
    return this.#refs.get(refKey(change.repositoryId, change)) ?? null;
  }

  /** For every target; whether the head will be asked for. */
  #decideEach(recorded: RecordedPush, change: StoredRefChange, inDoubt: boolean): boolean {
    let asked = false;
    const made = new Map<string, Decided>();
    for (const target of upstreamFirst(this.#targets.get(change.repositoryId) ?? [])) {
      const upstream = target.afterTargetId === null ? null : made.get(target.afterTargetId);
      const decided = this.#decide(recorded, change, target, inDoubt, upstream ?? null);
      made.set(target.id, decided);
      asked ||= decided.deployment !== null && inDoubt;
    }
    return asked;
  }

  /** `upstream`: what the same change led to at the target that this one waits for. */
  #decide(
    recorded: RecordedPush,
    change: StoredRefChange,
    target: Target,
    inDoubt: boolean,
    upstream: Decided | null,
  ): Decided {
    const own = decide(change, target, {
      matches: this.#deps.matches,
      backend: this.#deps.backendFacts(target.backend),
    });
    const verdict = upstream === null ? own : decideBehind(own, upstream);
    const awaited = upstream?.deployment ?? null;
    const isHeadAsked = inDoubt && awaited === null;
    const deployment =
      verdict.outcome === 'skip' || change.to === null
        ? null
        : this.#deployment(recorded, change, target, change.to, {
            pendingChecks: [
              ...(isHeadAsked ? (['head'] as const) : []),
              ...(own.outcome === 'pending' ? (['paths'] as const) : []),
            ],
            ...(awaited === null
              ? {}
              : { waitsFor: awaited.id, reason: `Waits for ${upstream?.target.name}.` }),
          });
    if (deployment) this.#deployments.push(deployment);
    this.#decisions.push({
      refChangeId: change.id,
      targetId: target.id,
      outcome: deployment && isHeadAsked ? 'pending' : verdict.outcome,
      reasonCode: verdict.reasonCode,
      reason: verdict.reason,
      deploymentId: deployment?.id ?? null,
      createdAt: this.#deps.clock(),
    });
    return { target, verdict, deployment };
  }

  #deployment(
    { pushedBy, cause }: RecordedPush,
    change: StoredRefChange,
    target: Target,
    commit: string,
    more: { pendingChecks: PendingCheck[]; waitsFor?: string; reason?: string },
  ): Deployment {
    const wish = {
      id: this.#deps.ids.next(),
      pageToken: this.#deps.ids.secretToken(),
      targetId: target.id,
      repositoryId: target.repositoryId,
      refChangeId: change.id,
      slot: slotOf(change.refType, change.name),
      refType: change.refType,
      refName: change.name,
      commit,
      message: change.message,
      author: change.author,
      cause,
      causedBy: pushedBy === null ? change.author : pushedBy.name,
      ...more,
    };
    return newDeployment(wish, this.#deps.clock());
  }

  #moveKeys(): string[] {
    const keys = new Set<string>();
    for (const { repository, changes } of this.#pushes) {
      for (const change of changes) keys.add(this.#moveKey(repository, change));
    }
    return [...keys];
  }

  #moveKey(repository: Repository, change: RefChange): string {
    let key = this.#keys.get(change);
    if (key === undefined) {
      const { refType, name, from, to } = change;
      key = this.#deps.digest(JSON.stringify([repository.id, refType, name, from, to]));
      this.#keys.set(change, key);
    }
    return key;
  }
}

function refKey(repositoryId: string, { refType, name }: Pick<RefKey, 'refType' | 'name'>): string {
  return `${repositoryId} ${refType} ${name}`;
}

function push<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
