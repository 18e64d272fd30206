import type {
  BackendReportReads,
  BackendReportWrites,
  CloneGrantReads,
  CloneGrantWrites,
} from '../../core/ports.js';
import { backendReports, cloneGrants } from '../models/index.js';
import { listOf, type Sql } from '../sql.js';

export function backendReportStore(sql: Sql): BackendReportReads & BackendReportWrites {
  return {
    ofDeployment: (deploymentId) => backendReports.one(sql, 'deployment_id = ?', [deploymentId]),
    async reported(ids) {
      if (ids.length === 0) return new Set();
      const { marks, values } = listOf(ids);
      const rows = await sql.all<{ deployment_id: string }>(
        `SELECT deployment_id FROM backend_reports WHERE deployment_id IN (${marks})`,
        values,
      );
      return new Set(rows.map(({ deployment_id: id }) => id));
    },
    save: (report) =>
      backendReports.insert(
        sql,
        [report],
        `ON CONFLICT (deployment_id) DO UPDATE SET sequence = excluded.sequence, state = excluded.state,
           url = excluded.url, log_url = excluded.log_url, message = excluded.message,
           "commit" = excluded."commit", reported_at = excluded.reported_at`,
      ),
  };
}

export function cloneGrantStore(sql: Sql): CloneGrantReads & CloneGrantWrites {
  return {
    async usedAt(tokenDigest) {
      const grant = await cloneGrants.one(sql, 'token_digest = ?', [tokenDigest]);
      return grant?.usedAt ?? null;
    },
    use: async (grant) => (await cloneGrants.insertNew(sql, [grant], 'tokenDigest')).length > 0,
  };
}
