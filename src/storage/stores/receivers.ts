import type {
  BackendReportReads,
  BackendReportWrites,
  CloneGrantReads,
  CloneGrantWrites,
} from '../../core/ports.js';
import { backendReports, cloneGrants } from '../models/index.js';
import type { Sql } from '../sql.js';

export function backendReportStore(sql: Sql): BackendReportReads & BackendReportWrites {
  return {
    ofDeployment: (deploymentId) => backendReports.one(sql, 'deployment_id = ?', [deploymentId]),
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
    byDigest: (tokenDigest) => cloneGrants.one(sql, 'token_digest = ?', [tokenDigest]),
    insert: (grant) => cloneGrants.insert(sql, [grant]),
    async use(tokenDigest, now) {
      const changed = await cloneGrants.update(
        sql,
        { usedAt: now },
        'token_digest = ? AND used_at IS NULL',
        [tokenDigest],
      );
      return changed > 0;
    },
  };
}
