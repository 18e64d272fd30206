import type { PersonNameReads, PersonNameWrites } from '../../core/forge.js';
import type { Person } from '../../core/model/index.js';
import { personNames } from '../models/index.js';
import { listOf, type Sql } from '../sql.js';
import { idsOf } from './delete-rows.js';

/** As `events.actor` is kept: JSON, uuid first. */
const actor = ({ uuid, name }: Person): string => JSON.stringify({ uuid, name });

/** The very words of the partial index `events_nameless`: without them it is not used. */
const isNameless = `actor LIKE '%"name":null}'`;

export function personNameStore(sql: Sql): PersonNameReads & PersonNameWrites {
  return {
    find(people) {
      if (people.length === 0) return Promise.resolve([]);
      const { marks, values } = listOf(
        people.flatMap(({ workspaceUuid, personUuid }) => [workspaceUuid, personUuid]),
        2,
      );
      return personNames.select(sql, `(workspace_uuid, person_uuid) IN (VALUES ${marks})`, values);
    },
    save: (rows) =>
      personNames.insert(
        sql,
        rows,
        `ON CONFLICT (workspace_uuid, person_uuid) DO UPDATE SET name = excluded.name,
         asked_at = excluded.asked_at`,
      ),
    async spread({ workspaceUuid, personUuid: uuid, name }, limit) {
      const ids = await idsOf(
        sql,
        `SELECT id FROM events WHERE actor = ? AND ${isNameless}
           AND repository_id IN (SELECT id FROM repositories WHERE workspace_uuid = ?) LIMIT ?`,
        [actor({ uuid, name: null }), workspaceUuid, limit],
      );
      if (ids.length === 0) return 0;
      const { marks, values } = listOf(ids);
      await sql.run(
        `UPDATE deployments SET caused_by = ? WHERE caused_by IS NULL AND cause = 'push'
           AND ref_change_id IN (SELECT id FROM ref_changes WHERE event_id IN (${marks}))`,
        [name, ...values],
      );
      return sql.run(`UPDATE events SET actor = ? WHERE id IN (${marks})`, [
        actor({ uuid, name }),
        ...values,
      ]);
    },
    prune: (askedBefore, limit) =>
      sql.run(
        `DELETE FROM person_names WHERE (workspace_uuid, person_uuid) IN (
           SELECT workspace_uuid, person_uuid FROM person_names WHERE asked_at < ? LIMIT ?)`,
        [askedBefore, limit],
      ),
  };
}
