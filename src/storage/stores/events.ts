import type { Decision, KnownRef } from '../../core/model/index.js';
import type {
  Arrival,
  EventReads,
  EventWrites,
  PushNews,
  RefChangeFilter,
  RefReads,
  RefWrites,
} from '../../core/ports.js';
import { decisions, events, refChanges, refConflict, refs } from '../models/index.js';
import { insertNewsInOne } from '../sqlite/news.js';
import { listOf, type Sql, type SqlValue } from '../sql.js';
import { allSettled } from '../../lib/settled.js';

const lateWords = ' Its webhook came late.';

export function eventStore(sql: Sql): EventReads & EventWrites {
  return {
    byId: (id) => events.one(sql, 'id = ?', [id]),
    refChange: (id) => refChanges.one(sql, 'id = ?', [id]),
    async arrivals(refChangeId) {
      // By the move, which has an index: every copy of a push tells of the same one.
      const rows = await sql.all<{ door: Arrival['door']; at: number; attempt: number }>(
        `SELECT sources.door AS door, events.received_at AS at, events.attempt_number AS attempt
         FROM ref_changes JOIN events ON events.id = ref_changes.event_id
         LEFT JOIN sources ON sources.id = ref_changes.source_id
         WHERE ref_changes.move_key = (SELECT first.move_key FROM ref_changes AS first WHERE first.id = ?)
           AND (ref_changes.id = ? OR ref_changes.same_as = ?)
         ORDER BY ref_changes.id`,
        [refChangeId, refChangeId, refChangeId],
      );
      return rows.map(({ door, at, attempt }) => ({
        door,
        receivedAt: Number(at),
        attemptNumber: Number(attempt),
      }));
    },
    async recentRefChanges(repositoryId, limit, where = {}) {
      const { conditions, values } = conditionsOf(where);
      const changes = await refChanges.select(
        sql,
        `${['repository_id = ?', 'same_as IS NULL', ...conditions].join(' AND ')} ORDER BY id DESC LIMIT ?`,
        [repositoryId, ...values, limit],
      );
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
    moves(moveKeys) {
      if (moveKeys.length === 0) return Promise.resolve([]);
      const { marks, values } = listOf(moveKeys);
      return refChanges.select(sql, `move_key IN (${marks}) ORDER BY id`, values);
    },
    decision: (refChangeId, targetId) =>
      decisions.one(sql, 'ref_change_id = ? AND target_id = ?', [refChangeId, targetId]),
    async partFromFirst(refChangeId) {
      await sql.run(
        'UPDATE ref_changes SET same_as = NULL, occurrence = occurrence + 1 WHERE id = ? AND same_as IS NOT NULL',
        [refChangeId],
      );
    },
    async noteLate(refChangeIds) {
      if (refChangeIds.length === 0) return;
      const marks = refChangeIds.map(() => '?').join(', ');
      await sql.run(
        `UPDATE decisions SET reason = reason || ? WHERE ref_change_id IN (${marks}) AND reason NOT LIKE ?`,
        [lateWords, ...refChangeIds, `%${lateWords}`],
      );
    },
    async decide(refChangeId, targetId, verdict) {
      await decisions.update(sql, verdict, 'ref_change_id = ? AND target_id = ?', [
        refChangeId,
        targetId,
      ]);
    },
    insertNew: async (rows) => new Set(await events.insertNew(sql, rows, 'id')),
    insertNews: (news) =>
      sql.rowsAsJson ? insertNewsInOne(sql, news) : insertNewsTogether(sql, news),
    insertRefChanges: (rows) => refChanges.insert(sql, rows),
    insertDecisions: (rows) => decisions.insert(sql, rows),
  };
}

/** Statements that are sent without waiting for each other. */
async function insertNewsTogether(sql: Sql, news: PushNews): Promise<boolean> {
  const { marks, values } = listOf(news.refChanges.map(({ moveKey }) => moveKey));
  // Before any of this news is stored: statements of one connection run in the order in which they were asked for.
  const [told, fresh] = await allSettled([
    sql.all(`SELECT 1 FROM ref_changes WHERE move_key IN (${marks}) LIMIT 1`, values),
    events.insertNew(sql, news.events, 'id'),
    refChanges.insert(sql, news.refChanges),
    decisions.insert(sql, news.decisions),
    saveRefs(sql, news.refs),
  ]);
  return told.length === 0 && fresh.length === news.events.length;
}

function conditionsOf({ refName, person, targetId, states }: RefChangeFilter): {
  conditions: string[];
  values: SqlValue[];
} {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  if (refName !== undefined) {
    conditions.push('name = ?');
    values.push(refName);
  }
  if (person !== undefined) {
    // The actor is kept as JSON; what comes before its name is ours, so that this cannot match something else.
    conditions.push(
      `EXISTS (SELECT 1 FROM events WHERE events.id = event_id AND events.actor LIKE ? ESCAPE '!')`,
    );
    values.push(`%"name":${JSON.stringify(person).replace(/[!%_]/g, '!$&')}%`);
  }
  if (targetId !== undefined || states !== undefined) {
    const marks = (states ?? []).map(() => '?').join(', ');
    conditions.push(
      `EXISTS (SELECT 1 FROM decisions LEFT JOIN deployments ON deployments.id = decisions.deployment_id
         WHERE decisions.ref_change_id = ref_changes.id
           ${targetId === undefined ? '' : 'AND decisions.target_id = ?'}
           ${states === undefined ? '' : `AND deployments.state IN (${marks})`})`,
    );
    values.push(...(targetId === undefined ? [] : [targetId]), ...(states ?? []));
  }
  return { conditions, values };
}

function decisionsOf(sql: Sql, refChangeIds: readonly string[]): Promise<Decision[]> {
  const marks = refChangeIds.map(() => '?').join(', ');
  return decisions.select(
    sql,
    `ref_change_id IN (${marks}) ORDER BY ref_change_id, target_id`,
    refChangeIds,
  );
}

function saveRefs(sql: Sql, rows: readonly KnownRef[]): Promise<void> {
  return refs.insert(sql, rows, refConflict);
}

export function refStore(sql: Sql): RefReads & RefWrites {
  return {
    find(keys) {
      if (keys.length === 0) return Promise.resolve([]);
      const { marks, values } = listOf(
        keys.flatMap(({ repositoryId, refType, name }) => [repositoryId, refType, name]),
        3,
      );
      return refs.select(sql, `(repository_id, ref_type, name) IN (VALUES ${marks})`, values);
    },
    ofRepository: (repositoryId) => refs.select(sql, 'repository_id = ?', [repositoryId]),
    save: (rows) => saveRefs(sql, rows),
  };
}
