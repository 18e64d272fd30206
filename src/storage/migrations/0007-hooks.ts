import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** Repository webhooks of our own making. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('hooks', {
    id,
    repository_id: text,
    source_id: text,
    remote_uuid: maybeText,
    secret_sealed: text,
    previous_secret_sealed: maybeText,
    previous_until: maybeInteger,
    state: text,
    events: text,
    enabled_by: text,
    enabled_by_uuid: maybeText,
    health: maybeText,
    alarm: maybeText,
    last_delivery_at: maybeInteger,
    check_due_at: maybeInteger,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('hooks', ['repository_id'], { unique: true });
  await schema.addIndex('hooks', ['source_id'], { unique: true });
  await schema.addIndex('hooks', ['check_due_at']);
}
