import type { Json, JsonObject } from '../json.js';
import type { Account } from './account.js';
import { isOver, type AppState, type DeploymentState, type Phase } from './model.js';
import { partsOf, type Part } from './spec.js';

/** Objects as the API sends them (deploy-backends §1.5). */
export function appShape(account: Account, app: AppState, url: string): JsonObject {
  const find = (id: string | null): Json => {
    const found = app.deployments.find((one) => one.id === id);
    return found ? deploymentShape(found) : null;
  };
  const running = account.running(app) ?? null;
  const isLive = account.active(app) !== undefined;
  return {
    id: app.id,
    owner_uuid: 'a4e4d8f5-0000-4a7e-9d3c-000000000001',
    spec: app.spec,
    default_ingress: isLive ? url : '',
    live_url: isLive ? url : '',
    created_at: iso(app.createdAt),
    updated_at: iso(app.updatedAt),
    last_deployment_created_at: iso(app.deployments[0]?.createdAt ?? app.createdAt),
    active_deployment: find(account.active(app)?.id ?? null),
    in_progress_deployment: running === null ? null : deploymentShape(running),
    pending_deployment: null,
    pinned_deployment: find(app.pinned),
    tier_slug: 'basic',
    region: { slug: 'fra', label: 'Frankfurt', data_centers: ['fra1'] },
  };
}

const causes = {
  MANUAL: 'manual',
  DEPLOY_ON_PUSH: 'commit pushed',
  MANUAL_ROLLBACK: 'rollback',
} as const;

export function deploymentShape(deployment: DeploymentState): JsonObject {
  const parts = partsOf(deployment.spec);
  const shape: JsonObject = {
    id: deployment.id,
    spec: deployment.spec,
    cause: causes[deployment.type],
    cause_details: { type: deployment.type },
    phase: deployment.phase,
    phase_last_updated_at: iso(deployment.updatedAt),
    created_at: iso(deployment.createdAt),
    updated_at: iso(deployment.updatedAt),
    tier_slug: 'basic',
    progress: progressShape(deployment, parts),
  };
  if (deployment.previous !== null) shape['previous_deployment_id'] = deployment.previous;
  for (const { kind, name } of parts) {
    const commit = deployment.commits.get(name);
    const built: JsonObject =
      commit === undefined ? { name } : { name, source_commit_hash: commit };
    const list = shape[kind];
    shape[kind] = Array.isArray(list) ? [...list, built] : [built];
  }
  return shape;
}

type Status = 'PENDING' | 'RUNNING' | 'ERROR' | 'SUCCESS';

const order: readonly Phase[] = [
  'PENDING_BUILD',
  'BUILDING',
  'PENDING_DEPLOY',
  'DEPLOYING',
  'ACTIVE',
];

function progressShape(deployment: DeploymentState, parts: readonly Part[]): JsonObject {
  const build = statusOf(deployment, 'build');
  const deploy = statusOf(deployment, 'deploy');
  const reason = (step: 'build' | 'deploy'): JsonObject =>
    deployment.failure?.step === step
      ? { reason: { code: 'BuildJobExitNonZero', message: deployment.failure.message } }
      : {};
  const component = (name: string, step: 'build' | 'deploy', status: Status): JsonObject => ({
    ...{ name, status, component_name: name },
    message_base: step === 'build' ? 'Building service' : 'Deploying service',
    ...reason(step),
  });
  const steps = [
    ['build', build],
    ['deploy', deploy],
  ] as const;
  const all = [build, deploy];
  return {
    pending_steps: all.filter((one) => one === 'PENDING').length,
    running_steps: all.filter((one) => one === 'RUNNING').length,
    success_steps: all.filter((one) => one === 'SUCCESS').length,
    error_steps: all.filter((one) => one === 'ERROR').length,
    total_steps: all.length,
    steps: steps.map(([name, status]) => ({
      name,
      status,
      steps: [
        { name: 'initialize', status: status === 'PENDING' ? 'PENDING' : 'SUCCESS' },
        {
          ...{ name: 'components', status },
          steps: parts.map((part) => component(part.name, name, status)),
        },
      ],
    })),
  };
}

function statusOf(deployment: DeploymentState, step: 'build' | 'deploy'): Status {
  const { phase, failure } = deployment;
  if (failure) {
    if (failure.step === step) return 'ERROR';
    return step === 'build' ? 'SUCCESS' : 'PENDING';
  }
  if (isOver(deployment) && phase !== 'ACTIVE') return 'PENDING';
  const at = order.indexOf(phase);
  const own = step === 'build' ? 1 : 3;
  if (at < own) return 'PENDING';
  return at === own ? 'RUNNING' : 'SUCCESS';
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
