import { FakeService, type Call, type Reply } from '../../support/fake-service.js';

export interface CoolifyDeployment {
  deployment_uuid: string;
  application_uuid: string;
  status: 'queued' | 'in_progress' | 'finished' | 'failed' | 'cancelled-by-user';
  commit: string;
  commit_message: string;
  logs: string;
  deployment_url: string;
  rollback: boolean;
  force_rebuild: boolean;
  is_api: boolean;
  created_at: string;
  updated_at: string;
}

export interface CoolifyApplication {
  uuid: string;
  name: string;
  git_repository: string;
  git_branch: string;
  git_commit_sha: string;
  fqdn: string;
}

/**
 * Coolify's API by its sources (reference/deploy-backends.md §2.9): bearer token with abilities, actions by POST only, and a
 * 200 for "deploy" that may have started nothing.
 */
export class FakeCoolify extends FakeService {
  token = '3|fakeCoolifyTokenOfTheHarbourTeam01';
  abilities = new Set(['read', 'deploy', 'write']);
  readonly applications = new Map<string, CoolifyApplication>();
  /** Newest first. */
  readonly deployments: CoolifyDeployment[] = [];
  readonly images = new Map<string, string[]>();
  /** What the configured branch points at. */
  head = '8d2f0b6c1f0a4b0f9c1de0a7b5c3e2d1f0a9b8c7';
  queueLimit = 25;
  /** Refuses in words, with a 200. */
  saysInstead: string | null = null;
  #count = 0;

  addApplication(more: Partial<CoolifyApplication> = {}): CoolifyApplication {
    const application: CoolifyApplication = {
      uuid: 'kg8cs4wk8sgo0ws0w4ow',
      name: 'ferry-desk',
      git_repository: 'harbour-team/ferry-desk',
      git_branch: 'main',
      git_commit_sha: 'HEAD',
      fqdn: 'https://ferry-desk.harbour.example',
      ...more,
    };
    this.applications.set(application.uuid, application);
    return application;
  }

  become(uuid: string, status: CoolifyDeployment['status']): void {
    const deployment = this.deployments.find((each) => each.deployment_uuid === uuid);
    if (!deployment) throw new Error(`There is no deployment ${uuid}`);
    deployment.status = status;
    deployment.updated_at = this.#now();
    if (status !== 'finished') return;
    const kept = [deployment.commit, ...(this.images.get(deployment.application_uuid) ?? [])];
    this.images.set(deployment.application_uuid, [...new Set(kept)].slice(0, 2));
  }

  protected route(call: Call): Reply {
    if (call.headers.authorization !== `Bearer ${this.token}`) {
      return { status: 401, body: { message: 'Unauthenticated.' } };
    }
    const [, api, version, collection, first, second, third] = call.path.split('/');
    if (api !== 'api' || version !== 'v1') return notFound('Not found.');
    const isAction = collection === 'deploy' || second === 'cancel' || second === 'rollback';
    if (isAction && call.method !== 'POST') {
      return { status: 405, body: { message: 'This action was changed to POST.' } };
    }
    const ability = isAction ? 'deploy' : 'read';
    if (!this.abilities.has(ability)) {
      const message = `Missing required permissions: ${ability}`;
      return { status: 403, body: { message } };
    }
    if (collection === 'deploy') return this.#deploy(call);
    if (collection === 'applications') return this.#application(call, first, second);
    if (collection !== 'deployments') return notFound('Not found.');
    if (first === 'applications') return this.#history(call, second);
    if (first === undefined) return { status: 200, body: this.deployments.filter(isRunning) };
    const deployment = this.deployments.find((each) => each.deployment_uuid === first);
    if (!deployment || third !== undefined) return notFound('Deployment not found.');
    return second === 'cancel' ? this.#cancel(deployment) : { status: 200, body: deployment };
  }

  #deploy(call: Call): Reply {
    const uuid = call.json['uuid'] ?? call.query.get('uuid');
    const tag = call.json['tag'] ?? call.query.get('tag');
    if (uuid && tag)
      return { status: 400, body: { message: 'You can only use uuid or tag, not both.' } };
    const application = typeof uuid === 'string' ? this.applications.get(uuid) : undefined;
    if (!application) return notFound('No resources found.');
    if (this.deployments.filter(isRunning).length >= this.queueLimit) {
      const body = { message: 'Deployment queue limit reached. Please try again later.' };
      return { status: 429, body, headers: { 'retry-after': '60' } };
    }
    const commit = application.git_commit_sha === 'HEAD' ? this.head : application.git_commit_sha;
    const resource = { resource_uuid: application.uuid };
    if (this.saysInstead !== null) {
      return { status: 200, body: { deployments: [{ message: this.saysInstead, ...resource }] } };
    }
    const same = this.deployments.find(
      (each) =>
        each.application_uuid === application.uuid && each.commit === commit && isRunning(each),
    );
    if (same && call.json['force'] !== true) {
      const message = 'Deployment already queued for this commit.';
      return { status: 200, body: { deployments: [{ message, ...resource }] } };
    }
    const { deployment_uuid } = this.#add(application, commit, false);
    const message = `Application ${application.name} queued.`;
    return { status: 200, body: { deployments: [{ message, ...resource, deployment_uuid }] } };
  }

  #add(application: CoolifyApplication, commit: string, rollback: boolean): CoolifyDeployment {
    this.#count += 1;
    const uuid = `d${String(this.#count).padStart(23, '0')}`;
    const deployment: CoolifyDeployment = {
      deployment_uuid: uuid,
      application_uuid: application.uuid,
      status: 'queued',
      commit,
      commit_message: 'Fix timetable',
      logs: JSON.stringify([{ output: 'Building docker image.', type: 'stdout', hidden: false }]),
      deployment_url: `/project/p1/environment/e1/application/${application.uuid}/deployment/${uuid}`,
      rollback,
      force_rebuild: false,
      is_api: true,
      created_at: this.#now(),
      updated_at: this.#now(),
    };
    this.deployments.unshift(deployment);
    return deployment;
  }

  #application(call: Call, uuid: string | undefined, verb: string | undefined): Reply {
    if (uuid === undefined) return { status: 200, body: [...this.applications.values()] };
    const application = this.applications.get(uuid);
    if (!application) return notFound('Application not found.');
    if (verb === undefined) return { status: 200, body: application };
    const tags = this.images.get(application.uuid) ?? [];
    if (verb === 'rollback-images') {
      const current = tags[0] ?? null;
      const images = tags.map((tag) => ({
        tag,
        created_at: this.#now(),
        is_current: tag === current,
      }));
      return { status: 200, body: { current, images } };
    }
    if (verb !== 'rollback') return notFound('Not found.');
    if (Object.keys(call.json).join() !== 'commit') {
      return { status: 422, body: { message: 'Validation failed.', errors: {} } };
    }
    const commit = String(call.json['commit']);
    if (!tags.includes(commit)) return notFound('Image not found.');
    const { deployment_uuid } = this.#add(application, commit, true);
    return { status: 200, body: { message: 'Rollback queued.', deployment_uuid } };
  }

  #history(call: Call, uuid: string | undefined): Reply {
    if (!this.applications.has(uuid ?? '')) return notFound('Application not found.');
    const own = this.deployments.filter((each) => each.application_uuid === uuid);
    const skip = Number(call.query.get('skip') ?? 0);
    const take = Number(call.query.get('take') ?? 10);
    return { status: 200, body: { count: own.length, deployments: own.slice(skip, skip + take) } };
  }

  #cancel(deployment: CoolifyDeployment): Reply {
    if (!isRunning(deployment)) {
      const message = `Deployment cannot be cancelled. Current status: ${deployment.status}`;
      return { status: 400, body: { message } };
    }
    deployment.status = 'cancelled-by-user';
    return { status: 200, body: { message: 'Deployment cancelled successfully.' } };
  }

  #now(): string {
    return new Date(this.clock()).toISOString();
  }
}

function isRunning({ status }: CoolifyDeployment): boolean {
  return status === 'queued' || status === 'in_progress';
}

function notFound(message: string): Reply {
  return { status: 404, body: { message } };
}
