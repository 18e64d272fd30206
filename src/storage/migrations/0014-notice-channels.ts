import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** Where notices go besides the pages, and what is owed to whom. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('notice_channels', {
    id,
    workspace_uuid: text,
    kind: text,
    name: text,
    address_sealed: text,
    last_error: maybeText,
    last_sent_at: maybeInteger,
    created_by: text,
    created_at: integer,
  });
  await schema.addIndex('notice_channels', ['workspace_uuid']);
  await schema.createTable('notice_tellings', {
    notice_id: id,
    opened_at: integer,
    resolved_at: maybeInteger,
  });
  await schema.createTable('notice_deliveries', {
    id,
    notice_id: text,
    channel_id: text,
    news: text,
    due_at: maybeInteger,
    attempts: integer,
    settled_at: maybeInteger,
    error: maybeText,
    created_at: integer,
  });
  await schema.addIndex('notice_deliveries', ['due_at']);
  await schema.addIndex('notice_deliveries', ['channel_id']);
}
