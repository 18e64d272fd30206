import type { QueryInterface } from 'sequelize';
import { integer, maybeText, text } from './columns.js';

/** What people are called whom events name by their id alone, and the rows that wait for such a name. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('person_names', {
    workspace_uuid: { ...text, primaryKey: true },
    person_uuid: { ...text, primaryKey: true },
    name: maybeText,
    asked_at: integer,
  });
  await schema.addIndex('person_names', ['asked_at']);
  // Partial: whatever came with a name is in neither, and costs nothing here.
  await schema.sequelize.query(
    `CREATE INDEX events_nameless ON events (actor) WHERE actor LIKE '%"name":null}'`,
  );
  await schema.addIndex('deployments', ['ref_change_id'], {
    name: 'deployments_nameless',
    where: { caused_by: null, cause: 'push' },
  });
}
