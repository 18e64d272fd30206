import { z } from 'zod';

const text = z.string().optional().catch(undefined);

/** reference/deploy-backends.md §2.1, read leniently. Single deployments and lists name things differently. */
export const deployment = z.looseObject({
  id: z.string(),
  readyState: z.string(),
  /** `STAGED`: built, but the production domains have not moved. */
  readySubstate: text,
  target: z.string().nullish().catch(undefined),
  url: text,
  createdAt: z.number().optional().catch(undefined),
  errorMessage: z.string().nullish().catch(undefined),
  gitSource: z.looseObject({ sha: text }).optional().catch(undefined),
});

export const deployments = z.looseObject({
  deployments: z.array(
    z.looseObject({ uid: z.string(), meta: z.record(z.string(), z.unknown()).catch({}) }),
  ),
  pagination: z
    .looseObject({ next: z.number().nullish().catch(null) })
    .optional()
    .catch(undefined),
});

export const aliasRequest = z.looseObject({
  type: text,
  toDeploymentId: text,
  jobStatus: text,
  requestedAt: z.number().optional().catch(undefined),
});

export const project = z.looseObject({
  id: z.string(),
  name: z.string(),
  link: z
    .looseObject({ type: text, productionBranch: text, owner: text, slug: text })
    .nullish()
    .catch(undefined),
  gitProviderOptions: z.looseObject({ createDeployments: text }).nullish().catch(undefined),
  lastAliasRequest: aliasRequest.nullish().catch(undefined),
});

export const projects = z.looseObject({
  projects: z.array(project),
  pagination: z
    .looseObject({ next: z.union([z.number(), z.string()]).nullish().catch(null) })
    .optional()
    .catch(undefined),
});

export const events = z.array(
  z.looseObject({
    text,
    payload: z.looseObject({ text }).optional().catch(undefined),
  }),
);

export type Deployment = z.infer<typeof deployment>;
export type Project = z.infer<typeof project>;
