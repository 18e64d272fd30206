import { forgeControl } from '../forge/control.js';
import { BadBody, jsonReply, type Exchange, type Reply } from '../http/exchange.js';
import { Router, type Route } from '../http/router.js';
import { GitError } from '../git/run-git.js';
import type { World } from '../world.js';
import { installApp, listApps, readPanelUrl, reinstallApp, uninstallApp } from './apps.js';
import { ControlError, type ControlHandler } from './call.js';
import { deleteHook, listHooks, updateHook } from './hooks.js';
import {
  addFault,
  clearFaults,
  listCalls,
  listDeliveries,
  listFaults,
  listGit,
  listStatuses,
  readDelivery,
  releaseHeld,
  removeFault,
  resendDelivery,
  waitIdle,
} from './observe.js';
import {
  createAccessToken,
  createConsumer,
  deleteConsumer,
  listConsumers,
  listGrants,
  revokeGrants,
  updateConsumer,
} from './oauth.js';
import {
  createUser,
  createWorkspace,
  setMember,
  setPermission,
  updateWorkspace,
} from './people.js';
import { push } from './push.js';
import {
  createRepository,
  deleteRepository,
  readRepository,
  renameRepository,
  transferRepository,
  updateRepository,
} from './repositories.js';
import {
  changeSettings,
  createToken,
  readClock,
  readSettings,
  readState,
  reset,
  revokeTokens,
  setClock,
} from './tuning.js';

const table: [string, string, ControlHandler][] = [
  ['GET', 'state', readState],
  ['POST', 'users', createUser],
  ['POST', 'workspaces', createWorkspace],
  ['POST', 'workspaces/update', updateWorkspace],
  ['POST', 'members', setMember],
  ['GET', 'repositories', readRepository],
  ['POST', 'repositories', createRepository],
  ['POST', 'repositories/rename', renameRepository],
  ['POST', 'repositories/update', updateRepository],
  ['POST', 'repositories/transfer', transferRepository],
  ['POST', 'repositories/delete', deleteRepository],
  ['POST', 'permissions', setPermission],
  ['POST', 'push', push],
  ['GET', 'apps', listApps],
  ['POST', 'apps/install', installApp],
  ['POST', 'apps/reinstall', reinstallApp],
  ['POST', 'apps/uninstall', uninstallApp],
  ['GET', 'apps/panel-url', readPanelUrl],
  ['GET', 'hooks', listHooks],
  ['POST', 'hooks/update', updateHook],
  ['POST', 'hooks/delete', deleteHook],
  ['GET', 'deliveries', listDeliveries],
  ['POST', 'deliveries/release', releaseHeld],
  ['GET', 'deliveries/:id', readDelivery],
  ['POST', 'deliveries/:id/resend', resendDelivery],
  ['GET', 'idle', waitIdle],
  ['GET', 'calls', listCalls],
  ['GET', 'git', listGit],
  ['GET', 'statuses', listStatuses],
  ['GET', 'faults', listFaults],
  ['POST', 'faults', addFault],
  ['DELETE', 'faults', clearFaults],
  ['DELETE', 'faults/:id', removeFault],
  ['GET', 'settings', readSettings],
  ['POST', 'settings', changeSettings],
  ['GET', 'clock', readClock],
  ['POST', 'clock', setClock],
  ['GET', 'consumers', listConsumers],
  ['POST', 'consumers', createConsumer],
  ['POST', 'consumers/update', updateConsumer],
  ['POST', 'consumers/delete', deleteConsumer],
  ['GET', 'grants', listGrants],
  ['POST', 'grants/revoke', revokeGrants],
  ['POST', 'access-tokens', createAccessToken],
  ['POST', 'tokens', createToken],
  ['POST', 'tokens/revoke', revokeTokens],
  ['POST', 'reset', reset],
  ...forgeControl,
];

const router = new Router<ControlHandler>(
  table.map(([method, name, handler]): Route<ControlHandler> => {
    return { method, pattern: `/_control/${name}`, handler };
  }),
);

/** The sandbox's own API; documented in docs/sandbox.md. */
export async function controlApi(
  world: World,
  exchange: Exchange,
  resetAll: () => Promise<void>,
): Promise<Reply> {
  const found = router.find(exchange.method, exchange.path);
  try {
    if (found === null) throw new ControlError(404, `there is no ${exchange.path}`);
    if (Array.isArray(found)) throw new ControlError(405, `use ${found.join(' or ')}`);
    refuseStrangers(world, exchange);
    const input = exchange.method === 'GET' ? {} : await exchange.object();
    const call = { world, exchange, params: found.params, input, reset: resetAll };
    const { status, json } = await found.route.handler(call);
    return jsonReply(status, json);
  } catch (error) {
    if (error instanceof BadBody) return problem(400, error.message);
    // What git refuses, such as one ref twice in a push, is the caller's mistake as well.
    if (error instanceof GitError) return problem(409, error.message);
    if (!(error instanceof ControlError)) throw error;
    return problem(error.status, error.message, error.details);
  }
}

/** The server listens on loopback only; this keeps web pages of other sites out as well. */
function refuseStrangers(world: World, exchange: Exchange): void {
  const { host } = new URL(world.links.origin);
  const named = (exchange.header('host') ?? '').replace(/^localhost:/, '127.0.0.1:');
  const origin = exchange.header('origin');
  if (named !== host || (origin !== undefined && origin !== world.links.origin)) {
    throw new ControlError(403, 'the control API answers on this machine only');
  }
}

function problem(status: number, message: string, details: object = {}): Reply {
  return jsonReply(status, { error: { message, ...details } });
}
