import type {
  BackendAccount,
  BackendConnection,
  ConnectionTest,
  TargetListing,
} from '../../core/backend.js';
import type { AppCalls } from './app-calls.js';
import { createApp, proposeApp } from './create-app.js';
import { isCredentialRefused } from './outcomes.js';
import { digitaloceanConnection } from './settings.js';
import { hasNext } from './shapes.js';
import { describeApp } from './source.js';

/** A workspace's account: one access token (reference/deploy-backends.md §1.1). */
export function digitaloceanAccount(calls: AppCalls): BackendAccount {
  return {
    settings: digitaloceanConnection,
    help: 'A personal access token of the DigitalOcean team that owns the apps, with the scopes app:read and app:update.',
    test: (connection, signal) => testToken(connection, calls, signal),
    listTargets: (connection, page, signal) => listApps(connection, page, calls, signal),
    creation: {
      label: 'Create an app from this repository',
      extraRights: 'app:create',
      propose: (connection, wish, signal) => proposeApp(wish, calls, { connection, signal }),
      create: (connection, wish, signal) => createApp(wish, calls, { connection, signal }),
    },
  };
}

/** Reading the apps is what every deployment begins with; what may be changed shows only when it is. */
async function testToken(
  connection: BackendConnection,
  calls: AppCalls,
  signal: AbortSignal,
): Promise<ConnectionTest> {
  const listed = await calls.list(1, { connection, signal });
  if (listed.ok) {
    const read = await calls.account({ connection, signal });
    const { team, email } = read.ok ? read.value.account : {};
    return { ok: true, account: team?.name ?? email ?? null, expiresAt: null };
  }
  const refused = isCredentialRefused(listed);
  const help = listed.why === 'forbidden' ? ' It needs the scopes app:read and app:update.' : '';
  const message = `${listed.reason}.${help}`;
  return { ok: false, refused, problems: [{ field: refused ? 'token' : null, message }] };
}

async function listApps(
  connection: BackendConnection,
  { cursor }: { cursor: string | null },
  calls: AppCalls,
  signal: AbortSignal,
): Promise<TargetListing> {
  const page = Math.max(1, Number.parseInt(cursor ?? '1', 10) || 1);
  const listed = await calls.list(page, { connection, signal });
  if (!listed.ok) {
    return { ok: false, refused: isCredentialRefused(listed), reason: `${listed.reason}.` };
  }
  const { apps, links } = listed.value;
  return {
    ok: true,
    choices: apps.map(describeApp),
    next: hasNext(links) ? String(page + 1) : null,
  };
}
