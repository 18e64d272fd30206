import { z } from 'zod';

const text = z.string().nullish().catch(undefined);

/** reference/deploy-backends.md §2.9, read leniently. */
export const application = z.looseObject({
  uuid: z.string(),
  name: text,
  git_repository: text,
  git_branch: text,
  git_commit_sha: text,
  fqdn: text,
});

export const deployment = z.looseObject({
  deployment_uuid: z.string(),
  status: z.string(),
  commit: text,
  /** JSON text: `[{output, hidden}]`. */
  logs: text,
  rollback: z.boolean().nullish().catch(undefined),
  created_at: text,
});

export const history = z.looseObject({
  count: z.number().optional().catch(undefined),
  deployments: z.array(deployment),
});

/** A success that may have started nothing: then there is no `deployment_uuid`, and `message` says why. */
export const started = z.looseObject({
  deployments: z.array(z.looseObject({ message: text, deployment_uuid: text })).catch([]),
  message: text,
});

export const images = z.looseObject({
  images: z.array(z.looseObject({ tag: z.string() })),
});

export const rolledBack = z.looseObject({ deployment_uuid: text, message: text });

export const logLines = z.array(
  z.looseObject({ output: text, hidden: z.boolean().nullish().catch(undefined) }),
);

export type Application = z.infer<typeof application>;
export type Deployment = z.infer<typeof deployment>;
