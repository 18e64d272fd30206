import { isObject, textOf, type Json, type JsonObject } from '../json.js';
import { emptyReply, jsonReply, textReply, type Exchange, type Reply } from '../http/exchange.js';
import type { Route } from '../http/router.js';
import type { Account } from './account.js';
import { isOver, type AppState, type DeploymentState } from './model.js';
import { appShape, deploymentShape } from './shapes.js';
import { partsOf, specProblem } from './spec.js';

export interface Call {
  account: Account;
  exchange: Exchange;
  params: Record<string, string>;
  origin: string;
}

export interface Handler {
  /** deploy-backends §1.1; null: none is wanted, the address itself is the secret. */
  scope: 'app:read' | 'app:update' | 'app:create' | 'account:read' | null;
  run(call: Call): Promise<Reply> | Reply;
}

/** An answer that is an error in their shape (§1.2). */
export function refusal(status: number, id: string, message: string): Reply {
  const requestId = '6f0f6b1e-0000-4a51-9a0f-2f0a5f9c0001';
  return jsonReply(status, { id, message, request_id: requestId }, { 'x-request-id': requestId });
}

const notFound = (): Reply =>
  refusal(404, 'not_found', 'The resource you requested could not be found.');
const invalid = (message: string): Reply => refusal(400, 'invalid_argument', message);

const route = (
  method: string,
  pattern: string,
  scope: Handler['scope'],
  run: Handler['run'],
): Route<Handler> => ({ method, pattern, handler: { scope, run } });

/** deploy-backends §1.3, as far as a deployer uses it. */
export const routes: readonly Route<Handler>[] = [
  route('GET', '/v2/account', 'account:read', () =>
    jsonReply(200, {
      account: { email: 'ada@example.com', status: 'active', team: { name: 'Harbour Team' } },
    }),
  ),
  route('GET', '/v2/apps', 'app:read', listApps),
  route('POST', '/v2/apps', 'app:create', createApp),
  route('POST', '/v2/apps/propose', 'app:read', propose),
  route('POST', '/v2/apps/detect', 'app:read', detect),
  route(
    'GET',
    '/v2/apps/:app',
    'app:read',
    withApp(({ reply }) => reply.app()),
  ),
  route('PUT', '/v2/apps/:app', 'app:update', withApp(updateApp)),
  route('GET', '/v2/apps/:app/deployments', 'app:read', withApp(listDeployments)),
  route('POST', '/v2/apps/:app/deployments', 'app:update', withApp(createDeployment)),
  route(
    'GET',
    '/v2/apps/:app/deployments/:id',
    'app:read',
    withDeployment(({ one }) => jsonReply(200, { deployment: deploymentShape(one) })),
  ),
  route('POST', '/v2/apps/:app/deployments/:id/cancel', 'app:update', withDeployment(cancel)),
  route('GET', '/v2/apps/:app/deployments/:id/logs', 'app:read', withDeployment(logs)),
  route('POST', '/v2/apps/:app/rollback/validate', 'app:update', withApp(validateRollback)),
  route('POST', '/v2/apps/:app/rollback', 'app:update', withApp(rollback)),
  route('POST', '/v2/apps/:app/rollback/commit', 'app:update', withApp(commitRollback)),
  route('POST', '/v2/apps/:app/rollback/revert', 'app:update', withApp(revertRollback)),
  route('GET', '/apps/:app/', null, withApp(servePage)),
  route(
    'GET',
    '/log-files/:app/:id',
    null,
    withDeployment(({ one }) => textReply(200, one.log.map((line) => `${line}\n`).join(''))),
  ),
];

interface AppCall extends Call {
  app: AppState;
  reply: { app(): Reply };
}

function withApp(run: (call: AppCall) => Promise<Reply> | Reply): Handler['run'] {
  return (call) => {
    const app = call.account.app(call.params['app'] ?? '');
    if (!app) return notFound();
    const shape = () => appShape(call.account, app, `${call.origin}/apps/${app.id}/`);
    return run({ ...call, app, reply: { app: () => jsonReply(200, { app: shape() }) } });
  };
}

function withDeployment(
  run: (call: AppCall & { one: DeploymentState }) => Promise<Reply> | Reply,
): Handler['run'] {
  return withApp((call) => {
    const one = call.app.deployments.find(({ id }) => id === call.params['id']);
    return one ? run({ ...call, one }) : notFound();
  });
}

function paged(call: Call, key: string, all: Json[]): Reply {
  const page = Number(call.exchange.query.get('page') ?? '1');
  const size = Number(call.exchange.query.get('per_page') ?? '20');
  if (!(page >= 1) || !(size >= 1 && size <= 200)) return invalid('per_page must be from 1 to 200');
  const shown = all.slice((page - 1) * size, page * size);
  const next = `${call.origin}${call.exchange.path}?page=${page + 1}&per_page=${size}`;
  const links: JsonObject = page * size < all.length ? { pages: { next } } : {};
  return jsonReply(200, { [key]: shown, links, meta: { total: all.length } });
}

function listApps(call: Call): Reply {
  const { account, origin } = call;
  const all = account.apps.map((app) => appShape(account, app, `${origin}/apps/${app.id}/`));
  return paged(call, 'apps', all);
}

async function createApp(call: Call): Promise<Reply> {
  const { spec } = await call.exchange.object();
  const problem = specProblem(spec);
  if (problem !== null || !isObject(spec)) return invalid(problem ?? '');
  const isTaken = call.account.apps.some((app) => call.account.nameOf(app) === spec['name']);
  if (isTaken) return refusal(409, 'conflict', 'an app with that name already exists');
  const app = call.account.addApp(spec);
  await call.account.deploy(app, 'MANUAL');
  const shape = appShape(call.account, app, `${call.origin}/apps/${app.id}/`);
  return jsonReply(200, { app: shape });
}

async function propose(call: Call): Promise<Reply> {
  const { spec } = await call.exchange.object();
  const problem = specProblem(spec);
  if (problem !== null || !isObject(spec)) return invalid(problem ?? '');
  const isTaken = call.account.apps.some((app) => call.account.nameOf(app) === spec['name']);
  return jsonReply(200, {
    spec,
    app_cost: 5 * partsOf(spec).length,
    app_name_available: !isTaken,
    ...(isTaken ? { app_name_suggestion: `${textOf(spec['name'])}-2` } : {}),
  });
}

/** Known from their Go client only: pending first, then what was found. */
async function detect(call: Call): Promise<Reply> {
  const { bitbucket } = await call.exchange.object();
  if (!isObject(bitbucket) || textOf(bitbucket['repo']) === '') return invalid('repo is required');
  const head = await call.account.head(textOf(bitbucket['repo']), textOf(bitbucket['branch']));
  if (head === null) return invalid('the branch could not be read');
  if (call.account.firstLook(`${textOf(bitbucket['repo'])} ${head}`)) {
    return jsonReply(200, { pending: true, components: [] });
  }
  const component = {
    ...{ strategy: 'BUILDPACK', type: 'SERVICE', name: 'web', environment_slug: 'node-js' },
    ...{ build_command: 'npm run build', run_command: 'npm start', http_ports: [8080] },
  };
  return jsonReply(200, { pending: false, components: [component] });
}

async function updateApp({ account, app, exchange, reply }: AppCall): Promise<Reply> {
  const { spec } = await exchange.object();
  const problem = specProblem(spec);
  if (problem !== null || !isObject(spec)) return invalid(problem ?? '');
  app.spec = spec;
  app.updatedAt = account.now();
  return reply.app();
}

function listDeployments(call: AppCall): Reply {
  const types = call.exchange.query.getAll('deployment_types').flatMap((one) => one.split(','));
  const shown = call.app.deployments.filter(
    ({ type }) => types.length === 0 || types.includes(type),
  );
  return paged(call, 'deployments', shown.map(deploymentShape));
}

async function createDeployment({ account, app, exchange }: AppCall): Promise<Reply> {
  const body = await exchange.object();
  const known = Object.keys(body).every((key) => key === 'force_build');
  if (!known || !['boolean', 'undefined'].includes(typeof body['force_build'])) {
    return invalid('unknown field');
  }
  if (app.pinned !== null) return refusal(409, 'app_pinned', 'app is pinned to a deployment');
  const deployment = await account.deploy(app, 'MANUAL');
  if (!deployment) return invalid('the source could not be read');
  return jsonReply(200, { deployment: deploymentShape(deployment) });
}

function cancel({ account, one }: AppCall & { one: DeploymentState }): Reply {
  if (isOver(one)) return invalid('only a deployment in progress can be cancelled');
  account.cancel(one);
  return jsonReply(200, { deployment: deploymentShape(one) });
}

function logs({ app, one, exchange, origin }: AppCall & { one: DeploymentState }): Reply {
  const type = exchange.query.get('type');
  if (type === null) return invalid('type is required');
  // A phase that was never reached (§1.3).
  if (type !== 'BUILD' || one.phase === 'PENDING_BUILD') return invalid('no logs');
  const url = `${origin}/log-files/${app.id}/${one.id}?signature=${one.id.slice(0, 8)}-secret`;
  return jsonReply(200, { historic_urls: [url] });
}

async function rollbackTarget({ app, exchange }: AppCall): Promise<DeploymentState | undefined> {
  const { deployment_id: id } = await exchange.object();
  return app.deployments.find((one) => one.id === id);
}

async function validateRollback(call: AppCall): Promise<Reply> {
  const to = await rollbackTarget(call);
  if (!to) return notFound();
  const refuse = (code: string, message: string): Reply =>
    jsonReply(200, { valid: false, error: { code, message, components: [] } });
  if (call.app.pinned !== null) return refuse('app_pinned', 'the app is pinned');
  const wasLive = to.phase === 'ACTIVE' || to.phase === 'SUPERSEDED';
  if (!wasLive) return refuse('incompatible_phase', 'the deployment never was active');
  return jsonReply(200, { valid: true });
}

async function rollback(call: AppCall): Promise<Reply> {
  const { account, app } = call;
  const to = await rollbackTarget(call);
  if (!to) return notFound();
  if (app.pinned !== null) return refusal(400, 'app_pinned', 'the app is pinned');
  app.beforeRollback = account.active(app)?.id ?? null;
  const deployment = account.begin(app, 'MANUAL_ROLLBACK', new Map(to.commits));
  app.pinned = deployment.id;
  return jsonReply(200, { deployment: deploymentShape(deployment) });
}

function commitRollback({ app }: AppCall): Reply {
  if (app.pinned === null) return invalid('there is no rollback to commit');
  app.pinned = null;
  return emptyReply(204);
}

function revertRollback({ account, app }: AppCall): Reply {
  const before = app.deployments.find(({ id }) => id === app.beforeRollback);
  if (app.pinned === null || !before) return invalid('there is no rollback to revert');
  app.pinned = null;
  const deployment = account.begin(app, 'MANUAL_ROLLBACK', new Map(before.commits));
  return jsonReply(200, { deployment: deploymentShape(deployment) });
}

function servePage({ account, app }: AppCall): Reply {
  const page = account.page(app);
  if (page === null) return textReply(404, 'nothing is live');
  return { status: 200, headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: page };
}
