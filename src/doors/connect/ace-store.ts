import type { ConnectTenants } from './tenants.js';

/** What ACE's parts that we use read of an installation (reference/bitbucket-connect.md §9.3). */
interface ClientInfo {
  key: string;
  clientKey: string;
  sharedSecret: string;
  baseUrl: string;
  productType: 'bitbucket';
}

/**
 * ACE's view of our own store, for reading only: installations are written by `actions/install-app`, after more checks
 * than ACE knows. An unconfirmed one does not exist here; a removed one does, because its secret signs the next install.
 */
export function createAceStore(deps: {
  tenants: ConnectTenants;
  appKey: string;
  bitbucketUrl: string;
}) {
  async function get(key: string, clientKey: string): Promise<ClientInfo | null> {
    if (key !== 'clientInfo') return null;
    const tenant = await deps.tenants.find(clientKey);
    if (!tenant?.key || tenant.installation.state === 'unconfirmed') return null;
    return {
      key: deps.appKey,
      clientKey,
      sharedSecret: tenant.key.export().toString('utf8'),
      baseUrl: deps.bitbucketUrl,
      productType: 'bitbucket',
    };
  }
  const refused = async (): Promise<never> =>
    Promise.reject(new Error('ACE may read installations here, nothing else.'));
  return {
    get,
    isMemoryStore: () => false,
    set: refused,
    del: refused,
    getAllClientInfos: refused,
    saveInstallation: refused,
    associateInstallations: refused,
    deleteAssociation: refused,
    getClientSettingsForForgeInstallation: refused,
    forForgeInstallation: () => ({ get: refused, set: refused, del: refused }),
  };
}

export type AceStore = ReturnType<typeof createAceStore>;
