import type { KnownRef, RefChange } from '../model/index.js';

/** What is known of a move from earlier ref changes. */
export interface KnownMove {
  id: string;
  sourceId: string;
  occurrence: number;
  sameAs: string | null;
  /** Unix ms. */
  createdAt: number;
}

/**
 * Which push a ref change tells of. Within one source every delivery is a push of its own; across sources the k-th
 * occurrence of a move is the same push as the other's k-th. A→B, B→A, A→B are three pushes through any number of doors.
 *
 * A source counts on from what the others had told before it began: otherwise the first push that a new door (Forge after
 * Connect, a reinstall) tells of would be taken for the first one that the old door told long ago, and be lost.
 *
 * @param known all ref changes of the same move that came before
 * @param since when the source began, Unix ms
 */
export function placeMove(
  sourceId: string,
  known: readonly KnownMove[],
  since = 0,
): { occurrence: number; sameAs: string | null } {
  let last = 0;
  for (const move of known) {
    const counts = move.sourceId === sourceId || move.createdAt < since;
    if (counts && move.occurrence > last) last = move.occurrence;
  }
  const occurrence = last + 1;
  // Never one of its own, which were all counted; and no copy whose first was pruned: rather a push twice than none.
  const first = known.find((move) => move.occurrence === occurrence && move.sameAs === null);
  return { occurrence, sameAs: first?.id ?? null };
}

/**
 * Whether what counts as a copy may be a push that only its own source told of: since the first one the ref has moved on, and is
 * back where this one begins. Only Bitbucket knows. A→B, B→A by one source, and A→B by another that missed the first: a late copy,
 * or the third push.
 */
export function mayBeNoCopy(
  ref: Pick<KnownRef, 'head' | 'updatedAt'> | null,
  change: Pick<RefChange, 'from'>,
  first: Pick<KnownMove, 'createdAt'>,
): boolean {
  return ref !== null && ref.head === change.from && ref.updatedAt > first.createdAt;
}

const reconcilePrefix = 'reconcile-';

/** Our own look at a repository's heads is a source like any other. */
export function reconcileSourceId(repositoryId: string): string {
  return reconcilePrefix + repositoryId;
}

export function isReconcileSource(sourceId: string): boolean {
  return sourceId.startsWith(reconcilePrefix);
}

/** Events of a gap can be minutes late; a day covers a Bitbucket that is down for hours. */
export const carefulForMs = 24 * 60 * 60_000;

/**
 * Whether Bitbucket must be asked for the head before a change may run. Delivery ids are not signed and orders are not
 * promised, so a change is taken at its word only when it continues the last known head, was never told of before, and no
 * event of this ref is known to be missing. In every other case the head decides, and a replayed or late event can never put
 * an older commit live.
 */
export function needsHeadCheck(
  ref: Pick<KnownRef, 'head' | 'carefulUntil'> | null,
  change: Pick<RefChange, 'from'>,
  toldBefore: boolean,
  now: number,
): boolean {
  if (toldBefore) return true;
  // A ref that begins here has no past; one that was somewhere before has, and we know nothing of it.
  if (ref === null) return change.from !== null;
  return ref.head !== change.from || now < ref.carefulUntil;
}
