import type { QueryInterface } from 'sequelize';
import { id, text, maybeText, integer, maybeInteger } from './columns.js';

/** People who signed in, what they allowed, and what they should know. Tokens exceed 2,500 characters: TEXT everywhere. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('web_sessions', {
    id,
    user_uuid: text,
    user_name: text,
    created_at: integer,
    seen_at: integer,
    expires_at: integer,
  });
  await schema.addIndex('web_sessions', ['user_uuid']);
  await schema.addIndex('web_sessions', ['expires_at']);
  await schema.createTable('oauth_grants', {
    id,
    client_id: text,
    user_uuid: text,
    user_name: text,
    state: text,
    broken_reason: maybeText,
    access_sealed: text,
    access_expires_at: integer,
    refresh_sealed: maybeText,
    lapses_at: integer,
    scopes: maybeText,
    version: integer,
    renewing_until: maybeInteger,
    renewing_by: maybeText,
    created_at: integer,
    updated_at: integer,
  });
  await schema.addIndex('oauth_grants', ['user_uuid', 'client_id'], { unique: true });
  await schema.addIndex('oauth_grants', ['lapses_at']);
  await schema.createTable('notices', {
    id,
    kind: text,
    level: text,
    workspace_uuid: maybeText,
    repository_id: maybeText,
    user_uuid: maybeText,
    subject: text,
    dedupe_key: text,
    says: text,
    advice: text,
    path: maybeText,
    created_at: integer,
    resolved_at: maybeInteger,
  });
  // What is open is told once; when it comes back after it was well, it is news again.
  await schema.addIndex('notices', ['dedupe_key'], {
    name: 'notices_open',
    unique: true,
    where: { resolved_at: null },
  });
  await schema.addIndex('notices', ['subject']);
  await schema.addIndex('notices', ['workspace_uuid']);
  await schema.addIndex('notices', ['user_uuid']);
}
