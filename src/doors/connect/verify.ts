import type { Clock } from '../../core/ports.js';
import {
  claimedIssuer,
  readToken,
  verifyConnectJwt,
  type ConnectClaims,
  type ConnectVerification,
  type SignedRequest,
} from './jwt.js';
import type { ConnectTenant, ConnectTenants } from './tenants.js';

export type TenantVerification =
  | { ok: true; tenant: ConnectTenant; claims: ConnectClaims; token: string }
  | { ok: false; why: string };

export interface ConnectVerifier {
  /** A request of an installation in use. */
  active(request: SignedRequest): Promise<TenantVerification>;
  /** A lifecycle call: a removed installation may still sign, with the secret kept as its tombstone. */
  known(request: SignedRequest): Promise<TenantVerification>;
}

/** Every signed Connect request passes here, before ACE or anything else sees it. */
export function createConnectVerifier(deps: {
  tenants: ConnectTenants;
  clock: Clock;
}): ConnectVerifier {
  async function verify(
    request: SignedRequest,
    states: readonly string[],
  ): Promise<TenantVerification> {
    const carried = readToken(request);
    if (!carried.ok) return carried;
    const { token } = carried;
    if (token === null) return { ok: false, why: 'no_token' };
    const clientKey = claimedIssuer(token);
    if (clientKey === null) return { ok: false, why: 'no_issuer' };

    const check = (tenant: ConnectTenant | null): ConnectVerification => {
      if (!tenant) return { ok: false, why: 'unknown_installation' };
      const { installation, key } = tenant;
      if (!states.includes(installation.state) || key === null) {
        return { ok: false, why: `installation_${installation.state}` };
      }
      const now = deps.clock();
      return verifyConnectJwt(token, request, { clientKey, key, now });
    };

    let tenant = await deps.tenants.find(clientKey);
    let result = check(tenant);
    if (!result.ok && tenant) {
      tenant = await deps.tenants.findAgain(clientKey);
      result = check(tenant);
    }
    if (!result.ok) return result;
    if (!tenant) return { ok: false, why: 'unknown_installation' };
    return { ok: true, tenant, claims: result.claims, token };
  }

  return {
    active: (request) => verify(request, ['active']),
    known: (request) => verify(request, ['active', 'removed']),
  };
}
