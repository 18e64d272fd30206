import { z } from 'zod';
import { InputError } from '../../core/errors.js';
import type { InstallFacts } from '../../actions/install-app.js';

const text = z.string().nullish().catch(null);

/**
 * Only what Bitbucket surely sends is required (reference/bitbucket-connect.md §3.2). `baseUrl` and `baseApiUrl` are not
 * read for calls: whoever posts a body must not name the host that judges it.
 */
const bodyShape = z.object({
  key: z.string().min(1),
  clientKey: z.string().min(1).max(500),
  sharedSecret: z.string().min(1).max(1000),
  eventType: z.literal('installed'),
  baseUrl: text,
  principal: z.object({ uuid: z.string().min(1).max(100), username: text, display_name: text }),
  user: z.object({ display_name: text, nickname: text }).nullish().catch(null),
});

/** `baseUrl` is for ACE's host check only. */
export type InstallBody = InstallFacts & { baseUrl: string | null };

/** @throws InputError `body_unreadable`, naming fields but never their values */
export function readInstallBody(body: unknown, appKey: string): InstallBody {
  const parsed = bodyShape.safeParse(body);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join('.')).join(', ');
    throw new InputError('body_unreadable', fields || 'not an object');
  }
  const { key, principal, user, clientKey, sharedSecret, baseUrl } = parsed.data;
  if (key !== appKey) throw new InputError('body_unreadable', 'key is not the key of this app');
  return {
    clientKey,
    sharedSecret,
    baseUrl: baseUrl ?? null,
    workspaceUuid: principal.uuid,
    workspaceSlug: principal.username ?? null,
    workspaceName: principal.display_name ?? null,
    installedBy: user?.display_name || user?.nickname || null,
  };
}

const uninstallShape = z.object({ clientKey: z.string().min(1), eventType: text });

/** Of an `uninstalled` body only the client key matters. @throws InputError `body_unreadable` */
export function readUninstallBody(body: unknown): { clientKey: string } {
  const parsed = uninstallShape.safeParse(body);
  if (!parsed.success) throw new InputError('body_unreadable', 'clientKey is missing');
  const { clientKey, eventType } = parsed.data;
  if (eventType && eventType !== 'uninstalled') {
    throw new InputError('body_unreadable', 'eventType is not uninstalled');
  }
  return { clientKey };
}
