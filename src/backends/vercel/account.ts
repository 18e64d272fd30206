import type {
  BackendAccount,
  BackendConnection,
  ConnectionTest,
  TargetChoice,
  TargetListing,
} from '../../core/backend.js';
import { vercelConnection } from './settings.js';
import type { Project } from './shapes.js';
import type { VercelApi } from './vercel-api.js';

export function vercelAccount(api: VercelApi): BackendAccount {
  return {
    settings: vercelConnection,
    help: 'An access token of a Vercel user who may deploy the projects, limited to their team.',
    test: (connection, signal) => testToken(connection, api, signal),
    listTargets: (connection, { cursor }, signal) => list(connection, cursor, api, signal),
  };
}

async function testToken(
  connection: BackendConnection,
  api: VercelApi,
  signal: AbortSignal,
): Promise<ConnectionTest> {
  const listed = await api.projects(1, null, { connection, signal });
  if (listed.ok) return { ok: true, account: null, expiresAt: null };
  const refused = listed.why === 'credential';
  const field = refused ? 'token' : null;
  return { ok: false, refused, problems: [{ field, message: `${listed.reason}.` }] };
}

async function list(
  connection: BackendConnection,
  cursor: string | null,
  api: VercelApi,
  signal: AbortSignal,
): Promise<TargetListing> {
  const listed = await api.projects(20, cursor, { connection, signal });
  if (!listed.ok) {
    return { ok: false, refused: listed.why === 'credential', reason: `${listed.reason}.` };
  }
  const { projects, pagination } = listed.value;
  const next = pagination?.next ?? null;
  return { ok: true, choices: projects.map(choice), next: next === null ? null : String(next) };
}

function choice({ id, name, link }: Project): TargetChoice {
  const isBitbucket = link?.type === 'bitbucket';
  const repository =
    isBitbucket && link.owner !== undefined && link.slug !== undefined
      ? `${link.owner}/${link.slug}`
      : null;
  const source = link?.type === undefined ? 'not connected to a repository' : `from ${link.type}`;
  return { id, label: name, parts: [source], repository, branch: null, url: null };
}
