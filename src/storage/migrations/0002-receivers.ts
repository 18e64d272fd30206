import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** What receivers of backends report, and the clone credentials that were offered to them. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('backend_reports', {
    deployment_id: id,
    sequence: integer,
    state: text,
    url: maybeText,
    log_url: maybeText,
    message: maybeText,
    commit: maybeText,
    reported_at: integer,
  });
  await schema.createTable('clone_grants', {
    token_digest: id,
    deployment_id: text,
    fencing: integer,
    offered_at: integer,
    used_at: maybeInteger,
  });
  await schema.addIndex('clone_grants', ['deployment_id']);
}
