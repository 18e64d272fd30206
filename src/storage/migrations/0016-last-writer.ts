import type { QueryInterface } from 'sequelize';
import { id } from './columns.js';

/**
 * On PostgreSQL, which node wrote last: one row. A node that finds its own name there knows that nobody has written since it
 * did, so that what it remembers still holds. A SQLite file has one writer and needs none of this.
 */
export async function up(schema: QueryInterface): Promise<void> {
  if (schema.sequelize.getDialect() !== 'postgres') return;
  await schema.createTable('last_writer', { node: id });
  await schema.bulkInsert('last_writer', [{ node: 'nobody' }]);
}
