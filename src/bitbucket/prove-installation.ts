import { AccessError, BitbucketError } from '../core/errors.js';
import type { Bitbucket } from '../core/ports.js';
import { workspaceShape } from './client-shapes.js';
import type { ConnectGrant } from './connect-grant.js';
import { withPatience, type Patience } from './patience.js';
import { apiPath, type Rest } from './rest.js';

/** `ari:cloud:bitbucket::app/{<workspace uuid>}/<app key>`: a registered app's client key (bitbucket-connect.md §3.1). */
const registeredKey = /^ari:cloud:bitbucket::app\/(\{[^}]+\})\//;

/**
 * Anybody can post a first install. The secret is real if Bitbucket exchanges a token signed with it, at the address we
 * know and not at one the body names, and that token's workspace is the one the body speaks of (§3.5).
 *
 * @throws AccessError `installation_unconfirmed` when Bitbucket says no or something does not fit; BitbucketError
 *   (`bitbucket_unavailable`, `bitbucket_rate_limited`) when nothing can be said now
 */
export function createProveInstallation(
  rest: Rest,
  options: Patience & { connect?: Pick<ConnectGrant, 'exchange'> },
): Bitbucket['proveInstallation'] {
  return async ({ clientKey, sharedSecret, workspaceUuid }) => {
    const { connect } = options;
    if (!connect) throw unconfirmed('Connect is switched off here');
    const named = registeredKey.exec(clientKey)?.[1];
    if (named !== undefined && !sameUuid(named, workspaceUuid)) {
      throw unconfirmed('the client key names another workspace');
    }
    try {
      const token = await withPatience(
        options,
        () => connect.exchange({ clientKey, sharedSecret }, null),
        () => undefined,
      );
      const path = apiPath(['workspaces', workspaceUuid], { fields: 'uuid,slug,name' });
      const call = { what: 'read workspace', workspaceUuid, path };
      const workspace = await rest.readWith(token.value, call, workspaceShape);
      if (!sameUuid(workspace.uuid, workspaceUuid)) {
        throw unconfirmed('the token belongs to another workspace');
      }
      return { slug: workspace.slug ?? null, name: workspace.name ?? null };
    } catch (error) {
      throw judged(error);
    }
  };
}

function judged(error: unknown): unknown {
  const saidNo =
    error instanceof BitbucketError &&
    (error.code === 'bitbucket_refused' || error.code === 'repository_gone');
  return saidNo ? unconfirmed(`Bitbucket answered ${error.status ?? 'no'}`) : error;
}

function unconfirmed(detail: string): AccessError {
  return new AccessError('installation_unconfirmed', 401, detail);
}

/** Braces and case differ between places (reference/bitbucket-api.md §3.1). */
function sameUuid(a: string, b: string): boolean {
  return bare(a) === bare(b);
}

function bare(uuid: string): string {
  return uuid.replace(/[{}]/g, '').toLowerCase();
}
