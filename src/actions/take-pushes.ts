import type { Storage, Transaction, Waker } from '../core/ports.js';
import type { Accepted, InboundEvent } from './accept-events.js';
import type { Begun, ClaimWish, Lanes } from './step-lane.js';

export interface TakePushesDeps {
  storage: Pick<Storage, 'batched'>;
  accept: (tx: Transaction, items: readonly InboundEvent[]) => Promise<readonly Accepted[]>;
  lanes: Pick<Lanes, 'beginIn' | 'forget'>;
  /** Whoever works on the lanes. */
  hands: Waker & {
    /** Null: all are busy; then the lanes wait for their turn as any others. */
    wish(): ClaimWish | null;
    take(begun: Begun, wish: ClaimWish): void;
    /** Nothing was taken under this wish after all. */
    giveBack(wish: ClaimWish): void;
  };
}

/** What a batch that made deployments leased; null: all hands were busy. */
type Leased = { begun: Begun; wish: ClaimWish } | null;

/**
 * Stores pushes and leases lanes for them in one transaction while there are free hands, so that a backend is called right
 * after the commit that acknowledges the push, instead of after one more. Which lanes those are is up to the claim: nobody's
 * thousands get in front of another's single push.
 */
export function createPushTaker({
  storage,
  accept,
  lanes,
  hands,
}: TakePushesDeps): (event: InboundEvent) => Promise<Accepted> {
  /** By the first event of its batch. The writer runs a batch again when it, or another job of its transaction, fails. */
  const leased = new Map<InboundEvent, Leased>();
  const drop = (event: InboundEvent): void => {
    const known = leased.get(event);
    leased.delete(event);
    if (!known) return;
    lanes.forget(known.begun);
    hands.giveBack(known.wish);
  };
  const lease = async (tx: Transaction): Promise<Leased> => {
    const wish = hands.wish();
    if (wish === null) return null;
    try {
      return { wish, begun: await lanes.beginIn(tx, wish) };
    } catch (error) {
      hands.giveBack(wish);
      throw error;
    }
  };
  const submit = storage.batched<InboundEvent, Accepted>(async (tx, items) => {
    const [first] = items;
    if (first) drop(first);
    const accepted = await accept(tx, items);
    const isWork = accepted.some(({ deployments }) => deployments > 0);
    if (first && isWork) leased.set(first, await lease(tx));
    return accepted;
  });
  return async (event) => {
    let accepted: Accepted;
    try {
      accepted = await submit(event);
    } catch (error) {
      drop(event);
      throw error;
    }
    const known = leased.get(event);
    leased.delete(event);
    if (known) hands.take(known.begun, known.wish);
    else if (known === null) hands.wake();
    return accepted;
  };
}
