import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** What a Forge installation has beyond any other, and names that its events do not carry and that are asked for. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('forge_installations', {
    installation_id: id,
    environment_id: text,
    environment_type: text,
    token_sealed: maybeText,
    token_expires_at: maybeInteger,
    seen_at: integer,
    refused_since: maybeInteger,
    ended_by: maybeText,
  });
  await schema.createTable('name_lookups', {
    id,
    due_at: integer,
    attempts: integer,
    asked_at: integer,
  });
  await schema.addIndex('name_lookups', ['due_at']);
}
