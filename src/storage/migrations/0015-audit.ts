import type { QueryInterface } from 'sequelize';
import { id, integer, maybeText, text } from './columns.js';

/** Who changed what. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('audit_entries', {
    id,
    workspace_uuid: text,
    repository_id: maybeText,
    by: text,
    says: text,
    at: integer,
  });
  await schema.addIndex('audit_entries', ['workspace_uuid', 'id']);
}
