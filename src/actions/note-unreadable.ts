import type { Source } from '../core/model/index.js';
import type { Clock, Ids, Storage } from '../core/ports.js';

export type NoteUnreadable = (delivery: {
  source: Source;
  deliveryId: string;
  eventKey: string;
  attemptNumber: number;
  bodyDigest: string;
}) => Promise<void>;

/** A verified body that cannot be parsed: kept with its digest only, so that it can be found and explained. */
export function noteUnreadable(deps: { storage: Storage; ids: Ids; clock: Clock }): NoteUnreadable {
  return async ({ source, ...delivery }) => {
    await deps.storage.write((tx) =>
      tx.events.insertNew([
        {
          ...delivery,
          id: deps.ids.next(),
          sourceId: source.id,
          state: 'unreadable',
          repositoryId: null,
          actor: null,
          receivedAt: deps.clock(),
        },
      ]),
    );
  };
}
