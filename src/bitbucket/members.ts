import { z } from 'zod';
import { isUuid, mayNotAsk } from './permissions.js';
import { apiPath, type Rest } from './rest.js';

const memberShape = z.object({ user: z.object({ display_name: z.string().nullish() }).nullish() });

/**
 * Display name of a member of a workspace, by uuid; Forge's events say no more of who pushed (reference/bitbucket-forge.md §2.2).
 * Null: the person is no member, or this credential may not ask; scopes `account`, `read:workspace:bitbucket`
 * (Bitbucket's OpenAPI description, `/workspaces/{workspace}/members/{member}`). Throws `BitbucketError` when nothing can be
 * said now.
 */
export async function readMemberName(
  rest: Rest,
  workspaceUuid: string,
  userUuid: string,
): Promise<string | null> {
  if (!isUuid(userUuid)) return null;
  const path = apiPath(['workspaces', workspaceUuid, 'members', userUuid], {
    fields: 'user.display_name',
  });
  try {
    const { user } = await rest.read({ what: 'read member', workspaceUuid, path }, memberShape);
    return user?.display_name || null;
  } catch (error) {
    if (mayNotAsk(error)) return null;
    throw error;
  }
}
