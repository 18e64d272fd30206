import type { QueryInterface } from 'sequelize';
import { id, integer, maybeText, text } from './columns.js';

/** Nodes on one database: who is there, what each did with Bitbucket's budget, and lanes that only one of them may work on. */
export async function up(schema: QueryInterface): Promise<void> {
  await schema.createTable('nodes', {
    id,
    name: text,
    roles: text,
    master_key_id: text,
    base_url: text,
    started_at: integer,
    seen_at: integer,
  });
  await schema.createTable('api_use', {
    node_id: { ...text, primaryKey: true },
    credential: { ...text, primaryKey: true },
    calls: integer,
    paused_until: integer,
    seen_at: integer,
  });
  await schema.addColumn('lanes', 'node', maybeText);
}
