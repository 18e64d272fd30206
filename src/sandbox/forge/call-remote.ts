import { randomBytes } from 'node:crypto';

import { send, type OutboundAnswer } from '../http/outbound.js';
import type { World } from '../world.js';
import { invocationToken, type Visit } from './invocation-token.js';
import type { Endpoint } from './manifest.js';
import type { ForgeInstallation } from './model.js';

export interface RemoteCall {
  installation: ForgeInstallation;
  endpoint: Endpoint;
  visit: Visit | null;
  method: 'GET' | 'POST';
  /** Instead of the endpoint's own. */
  path?: string;
  headers?: Record<string, string>;
  body: string;
  timeoutMs: number;
  signal: AbortSignal;
}

/** One request of Forge's to the app's server (bitbucket-forge §3.2). Redirects are not followed. */
export function callRemote(world: World, call: RemoteCall): Promise<OutboundAnswer> {
  const { installation, endpoint, visit, method, body, timeoutMs, signal } = call;
  const url = new URL(call.path ?? endpoint.path, endpoint.baseUrl).href;
  const { tokens } = world.forge;
  const headers: Record<string, string> = {
    ...call.headers,
    authorization: `Bearer ${invocationToken(world, installation, endpoint, visit)}`,
    'x-b3-traceid': randomBytes(8).toString('hex'),
    'x-b3-spanid': randomBytes(8).toString('hex'),
  };
  if (method === 'POST') headers['content-type'] = 'application/json';
  if (endpoint.systemToken) headers['x-forge-oauth-system'] = tokens.system(installation);
  if (endpoint.userToken && visit) {
    headers['x-forge-oauth-user'] = tokens.user(installation, visit.user);
  }
  return send({ method, url, headers, body, timeoutMs, signal });
}
