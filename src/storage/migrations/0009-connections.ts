import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** A workspace's accounts at backends, which target uses which, and the commit that was really built. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('connections', {
    id,
    workspace_uuid: text,
    backend: text,
    name: text,
    state: text,
    broken_reason: maybeText,
    broken_since: maybeInteger,
    settings: text,
    secrets_sealed: text,
    account: maybeText,
    expires_at: maybeInteger,
    tested_at: integer,
    last_used_at: maybeInteger,
    version: integer,
    created_by: text,
    created_at: integer,
    updated_by: text,
    updated_at: integer,
  });
  await schema.addIndex('connections', ['workspace_uuid', 'name'], { unique: true });
  await schema.addColumn('targets', 'connection_id', maybeText);
  await schema.addIndex('targets', ['connection_id']);
  await schema.addColumn('deployments', 'built_commit', maybeText);
}
