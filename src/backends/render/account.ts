import type {
  BackendAccount,
  BackendConnection,
  ConnectionTest,
  TargetChoice,
  TargetListing,
} from '../../core/backend.js';
import { bitbucketRepository } from '../bitbucket-address.js';
import type { RenderApi } from './render-api.js';
import { renderConnection } from './settings.js';
import type { Service } from './shapes.js';

const pageSize = 20;

export function renderAccount(api: RenderApi): BackendAccount {
  return {
    settings: renderConnection,
    help: 'An API key of a Render user who may deploy the services. Render has no narrower keys.',
    test: (connection, signal) => testKey(connection, api, signal),
    listTargets: (connection, { cursor }, signal) => list(connection, cursor, api, signal),
  };
}

async function testKey(
  connection: BackendConnection,
  api: RenderApi,
  signal: AbortSignal,
): Promise<ConnectionTest> {
  const listed = await api.services(1, null, { connection, signal });
  if (listed.ok) return { ok: true, account: null, expiresAt: null };
  const refused = listed.why === 'credential';
  const field = refused ? 'apiKey' : null;
  return { ok: false, refused, problems: [{ field, message: `${listed.reason}.` }] };
}

async function list(
  connection: BackendConnection,
  cursor: string | null,
  api: RenderApi,
  signal: AbortSignal,
): Promise<TargetListing> {
  const listed = await api.services(pageSize, cursor, { connection, signal });
  if (!listed.ok) {
    return { ok: false, refused: listed.why === 'credential', reason: `${listed.reason}.` };
  }
  const next = listed.value.length < pageSize ? null : (listed.value.at(-1)?.cursor ?? null);
  return { ok: true, choices: listed.value.map(({ service }) => choice(service)), next };
}

function choice({ id, name, type, repo, branch, serviceDetails }: Service): TargetChoice {
  const repository = bitbucketRepository(repo);
  const source = repo === undefined ? '' : ` from ${repository ?? repo}`;
  const where = branch === undefined ? '' : `, branch ${branch}`;
  return {
    id,
    label: name,
    parts: [`${(type ?? 'service').replaceAll('_', ' ')}${source}${where}`],
    repository,
    // Any commit can be deployed, whatever branch is set there.
    branch: null,
    url: serviceDetails?.url ?? null,
  };
}
