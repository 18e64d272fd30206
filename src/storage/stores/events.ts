import type { Decision } from '../../core/model/index.js';
import type { EventReads, EventWrites } from '../../core/ports.js';
import { decisions, events, refChanges } from '../models/index.js';
import type { Sql } from '../sql.js';

export function eventStore(sql: Sql): EventReads & EventWrites {
  return {
    byId: (id) => events.one(sql, 'id = ?', [id]),
    refChange: (id) => refChanges.one(sql, 'id = ?', [id]),
    async recentRefChanges(repositoryId, limit) {
      const changes = await refChanges.select(sql, 'repository_id = ? ORDER BY id DESC LIMIT ?', [
        repositoryId,
        limit,
      ]);
      if (changes.length === 0) return [];
      const made = await decisionsOf(
        sql,
        changes.map(({ id }) => id),
      );
      const eventIds = [...new Set(changes.map(({ eventId }) => eventId))];
      const marks = eventIds.map(() => '?').join(', ');
      const from = await events.select(sql, `id IN (${marks})`, eventIds);
      const eventById = new Map(from.map((event) => [event.id, event]));
      return changes.map((change) => {
        const event = eventById.get(change.eventId);
        return {
          ...change,
          actorName: event?.actor?.name ?? null,
          receivedAt: event?.receivedAt ?? change.createdAt,
          decisions: made.filter(({ refChangeId }) => refChangeId === change.id),
        };
      });
    },
    insertNew: async (rows) => new Set(await events.insertNew(sql, rows, 'id')),
    insertRefChanges: (rows) => refChanges.insert(sql, rows),
    insertDecisions: (rows) => decisions.insert(sql, rows),
  };
}

function decisionsOf(sql: Sql, refChangeIds: readonly string[]): Promise<Decision[]> {
  const marks = refChangeIds.map(() => '?').join(', ');
  return decisions.select(
    sql,
    `ref_change_id IN (${marks}) ORDER BY ref_change_id, target_id`,
    refChangeIds,
  );
}
