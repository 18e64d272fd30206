import { z } from 'zod';
import type { TriggerRequest } from '../../core/backend.js';

/** What one kind of hook wants, and what its answer means (reference/deploy-backends.md §2). */
export interface Preset {
  label: string;
  /** Null: any address. */
  hosts: RegExp | null;
  /** What an address of it looks like, for the one who pasted another. */
  example: string;
  /** Changes the address for one deployment. */
  address?(url: URL, request: TriggerRequest): void;
  body?(request: TriggerRequest): object;
  /** Judges a success by its body. Absent: the status has spoken. */
  read?(body: unknown): HookReading;
}

export type HookReading =
  | { kind: 'started'; ref: string | null }
  /** It said no, with a success. */
  | { kind: 'refused'; reason: string; isCredential?: true; isBusy?: true }
  /** Not its API: a login page, another service. */
  | { kind: 'odd' };

const facts = ({ deploymentId, repository, refName, commit, cause }: TriggerRequest) => ({
  deployment: deploymentId,
  repository: repository.fullName,
  branch: refName,
  commit,
  cause,
});

const id = z.union([z.string(), z.number()]).optional().catch(undefined);
const renderAnswer = z.looseObject({ deploy: z.looseObject({ id: z.string() }) });
const vercelAnswer = z.looseObject({ job: z.looseObject({ id: z.string() }) });
const cloudflareAnswer = z.looseObject({
  success: z.boolean(),
  errors: z.array(z.looseObject({ message: z.string() })).catch([]),
  result: z.looseObject({ id, build_uuid: id }).nullish().catch(null),
});
const caproverAnswer = z.looseObject({
  status: z.number(),
  description: z.string().optional().catch(undefined),
});
const jenkinsAnswer = z.looseObject({
  message: z.string().optional().catch(undefined),
  jobs: z
    .record(
      z.string(),
      z.looseObject({ triggered: z.boolean().optional().catch(undefined), url: id }),
    )
    .nullish()
    .catch(null),
});

export const presets = {
  other: {
    label: 'Any other',
    hosts: null,
    example: 'https://deploy.example.com/hooks/…',
    body: facts,
  },
  render: {
    label: 'Render',
    hosts: /^api\.render\.com$/,
    example: 'https://api.render.com/deploy/srv-…?key=…',
    address: (url, { commit }) => url.searchParams.set('ref', commit),
    read: (body) => startedBy(renderAnswer.safeParse(body).data?.deploy.id),
  },
  vercel: {
    label: 'Vercel',
    hosts: /^api\.vercel\.com$/,
    example: 'https://api.vercel.com/v1/integrations/deploy/prj_…/…',
    read: (body) => startedBy(vercelAnswer.safeParse(body).data?.job.id),
  },
  netlify: {
    label: 'Netlify',
    hosts: /^api\.netlify\.com$/,
    example: 'https://api.netlify.com/build_hooks/…',
    address: (url, { refName, commit }) => {
      url.searchParams.set('trigger_branch', refName);
      url.searchParams.set('trigger_title', `Slipway: ${commit.slice(0, 12)}`);
    },
    body: facts,
  },
  cloudflare: {
    label: 'Cloudflare Pages or Workers',
    hosts: /^api\.cloudflare\.com$/,
    example: 'https://api.cloudflare.com/client/v4/pages/webhooks/deploy_hooks/…',
    read: (body) => {
      const answer = cloudflareAnswer.safeParse(body).data;
      if (!answer) return { kind: 'odd' };
      if (answer.success) return startedBy(answer.result?.build_uuid ?? answer.result?.id, null);
      const [error] = answer.errors;
      return { kind: 'refused', reason: error?.message ?? 'without a reason' };
    },
  },
  amplify: {
    label: 'AWS Amplify',
    hosts: /^webhooks\.amplify\.[a-z0-9-]+\.amazonaws\.com$/,
    example: 'https://webhooks.amplify.eu-central-1.amazonaws.com/prod/webhooks?id=…&token=…',
    body: () => ({}),
  },
  caprover: {
    label: 'CapRover',
    hosts: null,
    example:
      'https://captain.example.com/api/v2/user/apps/webhooks/triggerbuild?namespace=captain&token=…',
    read: (body) => {
      const answer = caproverAnswer.safeParse(body).data;
      if (!answer) return { kind: 'odd' };
      if (answer.status === 100 || answer.status === 101) return { kind: 'started', ref: null };
      const reason = answer.description ?? `status ${answer.status}`;
      if (answer.status === 1106) return { kind: 'refused', reason, isCredential: true };
      return { kind: 'refused', reason, ...(answer.status === 1113 ? { isBusy: true } : {}) };
    },
  },
  jenkins: {
    label: 'Jenkins (Generic Webhook Trigger)',
    hosts: null,
    example: 'https://jenkins.example.com/generic-webhook-trigger/invoke?token=…',
    body: facts,
    read: (body) => {
      // 200 without a body: every job is silent.
      if (body === null) return { kind: 'started', ref: null };
      const answer = jenkinsAnswer.safeParse(body).data;
      if (answer?.jobs === undefined || answer.jobs === null) return { kind: 'odd' };
      const triggered = Object.values(answer.jobs).filter((job) => job.triggered === true);
      const [first] = triggered;
      if (first) return startedBy(first.url, null);
      return { kind: 'refused', reason: 'no job’s filter lets this branch pass' };
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetId = keyof typeof presets;

export function isPresetId(name: unknown): name is PresetId {
  return typeof name === 'string' && Object.hasOwn(presets, name);
}

export function presetOf(name: PresetId): Preset {
  return presets[name];
}

/** @param without what it means when the answer names nothing */
function startedBy(
  ref: string | number | undefined,
  without: null | undefined = undefined,
): HookReading {
  if (ref !== undefined) return { kind: 'started', ref: String(ref) };
  return without === null ? { kind: 'started', ref: null } : { kind: 'odd' };
}
