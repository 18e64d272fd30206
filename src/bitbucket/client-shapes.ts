import { z } from 'zod';

/** What we read of the API's answers (reference/bitbucket-api.md §4), matching the `fields` each call asks for. */

export const repositoryFields =
  'uuid,full_name,name,is_private,mainbranch.name,workspace.uuid,owner.uuid';

export const remoteRepositoryShape = z.object({
  uuid: z.string().min(1),
  full_name: z.string().min(1),
  name: z.string().nullish(),
  is_private: z.boolean().nullish(),
  /** Null in an empty repository. */
  mainbranch: z.object({ name: z.string().nullish() }).nullish(),
  workspace: z.object({ uuid: z.string().nullish() }).nullish(),
  owner: z.object({ uuid: z.string().nullish() }).nullish(),
});

export const refFields =
  'target.hash,target.message,target.author.raw,target.author.user.display_name';

export const remoteRefShape = z.object({
  target: z.object({
    hash: z.string().min(1),
    message: z.string().nullish(),
    author: z
      .object({
        raw: z.string().nullish(),
        user: z.object({ display_name: z.string().nullish() }).nullish(),
      })
      .nullish(),
  }),
});

export const remoteRefPageShape = z.object({ values: z.array(remoteRefShape) });

export const branchPageShape = z.object({
  next: z.string().nullish(),
  values: z.array(z.object({ name: z.string() })),
});

export const permissionPageShape = z.object({
  values: z.array(z.object({ permission: z.string() })),
});

export const workspaceShape = z.object({
  uuid: z.string().min(1),
  slug: z.string().nullish(),
  name: z.string().nullish(),
});

export type RemoteRefShape = z.infer<typeof remoteRefShape>;
