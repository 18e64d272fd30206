import type { AuditReads, AuditWrites } from '../../core/ports.js';
import { auditEntries } from '../models/index.js';
import type { Sql } from '../sql.js';

export function auditStore(sql: Sql): AuditReads & AuditWrites {
  return {
    recent(workspaceUuid, { limit, before }) {
      const older = before === undefined ? '' : 'AND id < ?';
      return auditEntries.select(sql, `workspace_uuid = ? ${older} ORDER BY id DESC LIMIT ?`, [
        workspaceUuid,
        ...(before === undefined ? [] : [before]),
        limit,
      ]);
    },
    add: (entry) => auditEntries.insert(sql, [entry]),
  };
}
