import type { QueryInterface } from 'sequelize';

/**
 * Bodies of events are not kept: what they tell is in `ref_changes`, nothing ever read them, and they were a third of what a
 * push wrote. An installed app hears of every repository of a workspace, with the names and addresses of its people.
 */
export async function up(schema: QueryInterface): Promise<void> {
  // Sequelize's removeColumn copies the table on SQLite, and loses its indexes.
  await schema.sequelize.query('ALTER TABLE events DROP COLUMN body');
}
