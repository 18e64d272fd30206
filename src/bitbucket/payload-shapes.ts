import { z } from 'zod';

/**
 * What we read of Bitbucket's webhook bodies, and nothing more: unknown fields are dropped, and almost everything may be
 * null, `{}` or missing, because it is in recorded deliveries (reference/bitbucket-api.md §5.5 and §6.5).
 */

const text = z.string().nullish().catch(null);

const authorShape = z
  .object({
    /** `Name <mail>`; cut-down and very old payloads carry a person here instead. */
    raw: text,
    display_name: text,
    nickname: text,
    user: z.object({ display_name: text, nickname: text }).nullish().catch(null),
  })
  .nullish()
  .catch(null);

const headShape = z
  .object({ hash: text, message: text, author: authorShape })
  .nullish()
  .catch(null);

/** `old` and `new` of a change. Bitbucket calls the head commit `target`; that word ends here. */
const refShape = z.object({ type: text, name: text, target: headShape }).nullish().catch(null);

export const changeShape = z.object({
  old: refShape,
  new: refShape,
  forced: z.boolean().nullish().catch(null),
});

export const pushShape = z.object({ changes: z.array(z.unknown()) });

const workspaceShape = z.object({ uuid: text, slug: text, name: text }).nullish().catch(null);

export const repositoryShape = z.object({
  uuid: z.string().min(1),
  full_name: text,
  name: text,
  is_private: z.boolean().nullish().catch(null),
  workspace: workspaceShape,
  /** Payloads from before workspaces (2018 and older) name the owner only; its uuid is the workspace's. */
  owner: z.object({ uuid: text, username: text, display_name: text }).nullish().catch(null),
  mainbranch: z.object({ name: text }).nullish().catch(null),
});

/** `{}`, null and missing happen for deleted or unlinked accounts; `app_user` has no nickname. */
export const actorShape = z
  .object({ uuid: text, display_name: text, nickname: text, username: text })
  .nullish()
  .catch(null);

export type ChangeShape = z.infer<typeof changeShape>;
export type RefShape = NonNullable<ChangeShape['new']>;
export type AuthorShape = z.infer<typeof authorShape>;
export type RepositoryShape = z.infer<typeof repositoryShape>;
export type ActorShape = z.infer<typeof actorShape>;
