import { z } from 'zod';

/**
 * What we read of DigitalOcean's answers (reference/deploy-backends.md §1.4, §1.5). Lenient: what is not needed may be missing,
 * null or of another kind without spoiling the rest.
 */
const text = z.string().optional().catch(undefined);
const list = <Item extends z.ZodType>(item: Item) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all) =>
      all.flatMap((one) => {
        const parsed = item.safeParse(one);
        return parsed.success ? [parsed.data] : [];
      }),
    );

const source = z.object({
  repo: text,
  branch: text,
  deploy_on_push: z.boolean().optional().catch(undefined),
});

const component = z.looseObject({
  name: text,
  bitbucket: source.optional().catch(undefined),
  github: source.optional().catch(undefined),
  gitlab: source.optional().catch(undefined),
  git: z.object({ repo_clone_url: text, branch: text }).optional().catch(undefined),
  image: z.object({ repository: text, tag: text, digest: text }).optional().catch(undefined),
});

export type Component = z.infer<typeof component>;

/** Everything that is built, with the words people know it by. */
export const componentKinds = {
  services: 'service',
  static_sites: 'static site',
  workers: 'worker',
  jobs: 'job',
  functions: 'functions',
} as const;

const spec = z.looseObject({
  name: text,
  services: list(component),
  static_sites: list(component),
  workers: list(component),
  jobs: list(component),
  functions: list(component),
});

export type AppSpec = z.infer<typeof spec>;

const deploymentRef = z.object({ id: z.string() }).nullish().catch(null);

export const app = z.looseObject({
  id: z.string().min(1),
  spec: spec.catch(() => spec.parse({})),
  /** As it came, to be sent back with one thing changed: the API replaces the whole spec. */
  live_url: text,
  default_ingress: text,
  active_deployment: deploymentRef,
  in_progress_deployment: deploymentRef,
  pending_deployment: deploymentRef,
  pinned_deployment: deploymentRef,
});

export type App = z.infer<typeof app>;

export type Step = {
  name?: string | undefined;
  status?: string | undefined;
  component_name?: string | undefined;
  message_base?: string | undefined;
  reason?: { code?: string | undefined; message?: string | undefined } | undefined;
  steps: Step[];
};

const step: z.ZodType<Step> = z.object({
  name: text,
  status: text,
  component_name: text,
  message_base: text,
  reason: z.object({ code: text, message: text }).optional().catch(undefined),
  get steps() {
    return list(step);
  },
});

const built = list(z.object({ name: text, source_commit_hash: text }));

export const deployment = z.looseObject({
  id: z.string().min(1),
  phase: z.string().catch('UNKNOWN'),
  cause: text,
  cause_details: z.object({ type: text }).optional().catch(undefined),
  created_at: text,
  updated_at: text,
  previous_deployment_id: text,
  progress: z
    .object({
      success_steps: z.number().optional().catch(undefined),
      total_steps: z.number().optional().catch(undefined),
      steps: list(step),
    })
    .optional()
    .catch(undefined),
  services: built,
  static_sites: built,
  workers: built,
  jobs: built,
  functions: built,
});

export type Deployment = z.infer<typeof deployment>;

export const paged = {
  apps: z.object({ apps: list(app), links: z.unknown() }),
  deployments: z.object({ deployments: list(deployment), links: z.unknown() }),
};

/** `links` may be `{}` or missing when everything fits on one page. */
export function hasNext(links: unknown): boolean {
  const pages = z.object({ pages: z.object({ next: z.string() }) });
  return pages.safeParse(links).success;
}

export const validation = z.object({
  valid: z.boolean(),
  error: z.object({ code: text, message: text }).nullish().catch(null),
  warnings: list(z.object({ code: text, message: text })),
});

export const logPlaces = z.object({
  live_url: text,
  historic_urls: z.array(z.string()).catch([]),
});

export const proposal = z.looseObject({
  spec: z.record(z.string(), z.unknown()).optional().catch(undefined),
  app_cost: z.number().optional().catch(undefined),
  app_name_available: z.boolean().optional().catch(undefined),
  app_name_suggestion: text,
});

export const detection = z.looseObject({
  components: list(z.record(z.string(), z.unknown())),
  pending: z.boolean().optional().catch(undefined),
});

export const problem = z.object({ id: text, message: text, request_id: text });
