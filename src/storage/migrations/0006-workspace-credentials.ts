import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** Credentials of a workspace that depend on nobody, and which credential a deployment was cloned with. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('workspace_credentials', {
    id,
    workspace_uuid: text,
    kind: text,
    serves: text,
    client_id: maybeText,
    secret_sealed: text,
    scopes: maybeText,
    ends_at: maybeInteger,
    state: text,
    broken_reason: maybeText,
    check_due_at: maybeInteger,
    created_by: text,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('workspace_credentials', ['workspace_uuid', 'kind', 'serves'], {
    unique: true,
  });
  await schema.addIndex('workspace_credentials', ['check_due_at']);
  await schema.addColumn('deployments', 'cloned_with', maybeText);
}
