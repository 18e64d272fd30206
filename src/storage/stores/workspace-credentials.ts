import type { WorkspaceCredentialReads, WorkspaceCredentialWrites } from '../../core/people.js';
import { workspaceCredentials } from '../models/index.js';
import type { Sql, SqlValue } from '../sql.js';

export function workspaceCredentialStore(
  sql: Sql,
): WorkspaceCredentialReads & WorkspaceCredentialWrites {
  return {
    byId: (id) => workspaceCredentials.one(sql, 'id = ?', [id]),
    ofWorkspace: (workspaceUuid) =>
      workspaceCredentials.select(sql, 'workspace_uuid = ? ORDER BY id', [workspaceUuid]),
    async save(credential) {
      const known = await workspaceCredentials.update(sql, credential, 'id = ?', [credential.id]);
      if (known === 0) await workspaceCredentials.insert(sql, [credential]);
    },
    async remove(id) {
      await sql.run('DELETE FROM workspace_credentials WHERE id = ?', [id]);
    },
    async claimChecks(limit, now, until) {
      const claimed = await sql.all<Record<string, SqlValue>>(
        `UPDATE workspace_credentials SET check_due_at = ? WHERE id IN (
           SELECT id FROM workspace_credentials WHERE check_due_at <= ? ORDER BY check_due_at LIMIT ?)
         RETURNING *`,
        [until, now, limit],
      );
      return claimed.map((row) => workspaceCredentials.read(row));
    },
  };
}
