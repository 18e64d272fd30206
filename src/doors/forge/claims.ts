import { z } from 'zod';
import { bareUuid } from '../../lib/same-uuid.js';

const text = z.string().min(1);

/** What we read of an invocation token; everything else passes by (reference/bitbucket-forge.md §3.3). */
export const invocationClaims = z.looseObject({
  jti: z.string().optional(),
  iat: z.number().optional(),
  app: z.looseObject({
    installationId: text.optional(),
    installation: z
      .looseObject({
        id: text.optional(),
        contexts: z
          .array(z.looseObject({ name: z.string().optional(), workspaceId: text.optional() }))
          .optional(),
      })
      .optional(),
    environment: z.looseObject({ type: text, id: text }),
  }),
  context: z
    .looseObject({
      workspaceId: text.optional(),
      installContext: text.optional(),
      cloudId: text.optional(),
      moduleKey: text.optional(),
      extension: z
        .looseObject({
          type: z.string().optional(),
          repository: z.looseObject({ uuid: text }).optional(),
        })
        .optional(),
    })
    .optional(),
  principal: text.nullish(),
  /** Isolated Cloud, which has keys of its own; we do not serve it. */
  icLabel: z.unknown().optional(),
});

export type InvocationClaims = z.infer<typeof invocationClaims>;

/** Who calls, in our words: ids bare, uuids of Bitbucket's with braces. */
export interface ForgeCaller {
  installationId: string;
  workspaceUuid: string;
  environmentId: string;
  environmentType: string;
  /** Atlassian account id of the viewer; calls of pages only. */
  accountId: string | null;
  repositoryUuid: string | null;
  /** Kind of the page, `bitbucket:repoSettingsMenuPage`. */
  page: string | null;
  /** Id of the token itself; null: it has none. */
  tokenId: string | null;
}

/** Null: the token does not say which installation in which workspace calls. */
export function callerOf({ app, context, principal, jti }: InvocationClaims): ForgeCaller | null {
  const installationId = bareId(app.installationId ?? app.installation?.id);
  const workspace = workspaceOf(app, context);
  if (installationId === null || workspace === null) return null;
  return {
    installationId,
    workspaceUuid: `{${workspace}}`,
    environmentId: bareId(app.environment.id) ?? '',
    environmentType: app.environment.type.toUpperCase(),
    accountId: principal ?? null,
    repositoryUuid: braced(context?.extension?.repository?.uuid),
    page: context?.extension?.type ?? null,
    tokenId: jti ?? null,
  };
}

/** Which place names it is not established for calls without a page (§11.2), so all are looked at, in this order. */
function workspaceOf(
  app: InvocationClaims['app'],
  context: InvocationClaims['context'],
): string | null {
  const named = app.installation?.contexts?.find(({ name }) => name === 'bitbucket');
  return (
    bareId(named?.workspaceId) ??
    bareId(context?.workspaceId) ??
    bareId(context?.installContext) ??
    bareId(context?.cloudId)
  );
}

/** The last part of an ARI, or the whole of what is none; without braces. Null: no uuid. */
export function bareId(id: string | undefined): string | null {
  const bare = bareUuid(id?.split('/').at(-1) ?? '');
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(bare) ? bare : null;
}

function braced(uuid: string | undefined): string | null {
  const bare = bareId(uuid);
  return bare === null ? null : `{${bare}}`;
}
