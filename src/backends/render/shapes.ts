import { z } from 'zod';

/** reference/deploy-backends.md §2.3, read leniently: what we do not use may be anything. */
export const service = z.looseObject({
  id: z.string(),
  name: z.string(),
  type: z.string().optional().catch(undefined),
  repo: z.string().optional().catch(undefined),
  branch: z.string().optional().catch(undefined),
  autoDeploy: z.string().optional().catch(undefined),
  suspended: z.string().optional().catch(undefined),
  serviceDetails: z
    .looseObject({ url: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

export const deploy = z.looseObject({
  id: z.string(),
  status: z.string(),
  trigger: z.string().optional().catch(undefined),
  commit: z.looseObject({ id: z.string() }).optional().catch(undefined),
  createdAt: z.string().optional().catch(undefined),
});

export const services = z.array(z.looseObject({ cursor: z.string(), service }));
export const deploys = z.array(z.looseObject({ cursor: z.string(), deploy }));

export type Service = z.infer<typeof service>;
export type Deploy = z.infer<typeof deploy>;
