import { channelIdentity } from './notice-channels.js';
import { forgeTokenIdentity } from './note-forge-call.js';
import { accessIdentity, refreshIdentity } from './grant-secrets.js';
import { hookSecretIdentity } from './hook-secrets.js';
import { installationSecretIdentity } from './installation-secret.js';
import { connectionIdentity, secretsIdentity } from './open-target.js';
import { credentialIdentity } from './workspace-credentials.js';

export interface SealedColumn {
  table: string;
  column: string;
  idColumn: string;
  /** What the value of a row is sealed against. */
  identity(id: string): string;
}

/**
 * Every sealed value there is, for the rotation of the master key. A column that is left out would be lost with the old key,
 * so a test compares this list with the tables.
 */
export const sealedColumns: readonly SealedColumn[] = [
  of('installations', 'secret_sealed', installationSecretIdentity),
  of('connections', 'secrets_sealed', connectionIdentity),
  of('targets', 'secrets_sealed', secretsIdentity),
  of('hooks', 'secret_sealed', (id) => hookSecretIdentity(id, 'secret')),
  of('hooks', 'previous_secret_sealed', (id) => hookSecretIdentity(id, 'previous')),
  of('oauth_grants', 'access_sealed', accessIdentity),
  of('oauth_grants', 'refresh_sealed', refreshIdentity),
  of('notice_channels', 'address_sealed', channelIdentity),
  of('workspace_credentials', 'secret_sealed', credentialIdentity),
  of('forge_installations', 'token_sealed', forgeTokenIdentity, 'installation_id'),
];

function of(
  table: string,
  column: string,
  identity: SealedColumn['identity'],
  idColumn = 'id',
): SealedColumn {
  return { table, column, idColumn, identity };
}
