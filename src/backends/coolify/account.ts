import type {
  BackendAccount,
  BackendConnection,
  ConnectionTest,
  TargetChoice,
  TargetListing,
} from '../../core/backend.js';
import { bitbucketRepository } from '../bitbucket-address.js';
import type { CoolifyApi } from './coolify-api.js';
import { coolifyConnection } from './settings.js';
import type { Application } from './shapes.js';

export function coolifyAccount(api: CoolifyApi): BackendAccount {
  return {
    settings: coolifyConnection,
    help: 'The address of your Coolify and an API token of its team, with the permissions read and deploy.',
    test: (connection, signal) => testToken(connection, api, signal),
    listTargets: (connection, _page, signal) => list(connection, api, signal),
  };
}

async function testToken(
  connection: BackendConnection,
  api: CoolifyApi,
  signal: AbortSignal,
): Promise<ConnectionTest> {
  const listed = await api.applications({ connection, signal });
  if (listed.ok) return { ok: true, account: null, expiresAt: null };
  const refused = listed.why === 'credential';
  const field = refused ? 'token' : 'url';
  return { ok: false, refused, problems: [{ field, message: `${listed.reason}.` }] };
}

async function list(
  connection: BackendConnection,
  api: CoolifyApi,
  signal: AbortSignal,
): Promise<TargetListing> {
  const listed = await api.applications({ connection, signal });
  if (!listed.ok) {
    return { ok: false, refused: listed.why === 'credential', reason: `${listed.reason}.` };
  }
  return { ok: true, choices: listed.value.map(choice), next: null };
}

function choice({
  uuid,
  name,
  git_repository: repo,
  git_branch: branch,
  fqdn,
}: Application): TargetChoice {
  const repository = bitbucketRepository(repo ?? undefined);
  const where = branch ? `, branch ${branch}` : '';
  return {
    id: uuid,
    label: name ?? uuid,
    parts: [`application from ${repository ?? repo ?? 'no repository'}${where}`],
    repository,
    branch: branch ?? null,
    url: addressIn(fqdn),
  };
}

/** Several addresses stand in one text. */
export function addressIn(fqdn: string | null | undefined): string | null {
  const [first = ''] = (fqdn ?? '').split(',');
  return URL.canParse(first.trim()) ? first.trim() : null;
}
