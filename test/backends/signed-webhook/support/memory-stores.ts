import type {
  BackendReport,
  BackendReportReads,
  BackendReportWrites,
} from '../../../../src/actions/backend-reports.js';
import type {
  CloneGrant,
  CloneGrantReads,
  CloneGrantWrites,
} from '../../../../src/actions/issue-clone-credential.js';
import type { Storage } from '../../../../src/core/ports.js';

/** A storage with the two stores of this backend beside its own, in memory. */
export function withBackendStores(storage: Storage) {
  const reports = new Map<string, BackendReport>();
  const grants = new Map<string, CloneGrant>();
  const backendReports: BackendReportReads & BackendReportWrites = {
    ofDeployment: (id) => Promise.resolve(reports.get(id) ?? null),
    save: (report) => Promise.resolve(void reports.set(report.deploymentId, report)),
  };
  const cloneGrants: CloneGrantReads & CloneGrantWrites = {
    byDigest: (digest) => Promise.resolve(grants.get(digest) ?? null),
    insert: (grant) => Promise.resolve(void grants.set(grant.tokenDigest, grant)),
    use: (digest, now) => {
      const grant = grants.get(digest);
      if (!grant || grant.usedAt !== null) return Promise.resolve(false);
      grants.set(digest, { ...grant, usedAt: now });
      return Promise.resolve(true);
    },
  };
  const stores = { backendReports, cloneGrants };
  type Tx = Parameters<Parameters<Storage['write']>[0]>[0] & typeof stores;
  return {
    write: <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
      storage.write((tx) => work({ ...tx, ...stores })),
    read: { ...storage.read, ...stores },
  };
}
