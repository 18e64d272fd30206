import { FakeService, type Call, type Reply } from '../../support/fake-service.js';

export interface RenderDeploy {
  id: string;
  commit: { id: string; message: string; createdAt: string } | null;
  status: string;
  trigger: string;
  createdAt: string;
  startedAt: string | null;
  updatedAt: string;
  finishedAt: string | null;
}

export interface RenderService {
  id: string;
  name: string;
  type: string;
  repo: string;
  branch: string;
  autoDeploy: 'yes' | 'no';
  suspended: 'suspended' | 'not_suspended';
  dashboardUrl: string;
  serviceDetails: { url: string };
}

const ends = new Set([
  'live',
  'deactivated',
  'build_failed',
  'pre_deploy_failed',
  'update_failed',
  'canceled',
]);
const conflicting = ['commitId', 'imageUrl', 'clearCache'];

/**
 * Render's API by its public description (reference/deploy-backends.md §2.3): bearer key, cursor paging, a new deploy takes
 * the place of one that is still under way, and an answer to "deploy" that may be a bare 202.
 */
export class FakeRender extends FakeService {
  key = 'rnd_FakeKeyOfTheHarbourTeam0001';
  /** `created`: 201 with the deploy. `queued`: 202 without a body, as Render may. */
  answersDeployWith: 'created' | 'queued' = 'created';
  readonly services = new Map<string, RenderService>();
  /** Newest first. */
  readonly deploys: (RenderDeploy & { serviceId: string })[] = [];
  /** Commits that the connected repository has; null = any. */
  commits: Set<string> | null = null;
  #count = 0;

  addService(id = 'srv-ferrydesk0000000001', more: Partial<RenderService> = {}): RenderService {
    const service: RenderService = {
      id,
      name: 'ferry-desk',
      type: 'web_service',
      repo: 'https://bitbucket.org/harbour-team/ferry-desk',
      branch: 'main',
      autoDeploy: 'no',
      suspended: 'not_suspended',
      dashboardUrl: `https://dashboard.render.com/web/${id}`,
      serviceDetails: { url: 'https://ferry-desk.onrender.com' },
      ...more,
    };
    this.services.set(id, service);
    return service;
  }

  /** The build moves on. `live` retires the deploy that was live before. */
  become(deployId: string, status: string): void {
    const deploy = this.deploys.find(({ id }) => id === deployId);
    if (!deploy) throw new Error(`There is no deploy ${deployId}`);
    if (status === 'live') {
      const before = this.deploys.find(
        (each) => each.serviceId === deploy.serviceId && each.status === 'live',
      );
      if (before && before !== deploy) before.status = 'deactivated';
    }
    deploy.status = status;
    deploy.updatedAt = this.#now();
    if (ends.has(status)) deploy.finishedAt = this.#now();
  }

  protected route(call: Call): Reply {
    if (call.headers.authorization !== `Bearer ${this.key}`) return error(401, 'Unauthorized');
    const [, version, collection, serviceId, part, deployId, verb] = call.path.split('/');
    if (version !== 'v1') return error(404, 'not found');
    if (collection !== 'services') return error(404, 'not found');
    if (serviceId === undefined) return this.#listServices(call);
    const service = this.services.get(serviceId);
    if (!service) return error(404, `not found: service ${serviceId}`);
    if (part === undefined && call.method === 'PATCH') Object.assign(service, call.json);
    if (part === undefined) return { status: 200, body: { ownerId: 'tea-harbour', ...service } };
    if (part === 'rollback') return this.#rollback(call, service);
    if (part !== 'deploys') return error(404, 'not found');
    if (deployId === undefined) {
      return call.method === 'POST'
        ? this.#create(call, service)
        : this.#listDeploys(call, service);
    }
    const deploy = this.deploys.find((each) => each.id === deployId);
    if (!deploy) return error(404, `not found: deploy ${deployId}`);
    return verb === 'cancel' ? this.#cancel(call, deploy) : { status: 200, body: shown(deploy) };
  }

  #create(call: Call, service: RenderService): Reply {
    const { commitId, deployMode } = call.json;
    if (service.type === 'cron_job') return error(400, 'cron jobs cannot be deployed');
    if (service.suspended === 'suspended') return error(409, 'service is suspended');
    if (deployMode === 'deploy_only' && conflicting.some((field) => field in call.json)) {
      return error(400, 'deploy_only cannot be combined with commitId, imageUrl or clearCache');
    }
    if (typeof commitId !== 'string' || !/^[0-9a-f]{7,40}$/.test(commitId)) {
      return error(400, 'invalid commitId');
    }
    if (this.commits && !this.commits.has(commitId)) return error(404, 'commit not found');
    // The newest wins at Render as well: what is under way makes room.
    for (const each of this.deploys) {
      if (each.serviceId === service.id && !ends.has(each.status)) this.become(each.id, 'canceled');
    }
    const deploy = this.#add(service, commitId, 'api');
    if (this.answersDeployWith === 'queued') return { status: 202 };
    return { status: 201, body: shown(deploy) };
  }

  #add(service: RenderService, commit: string, trigger: string): RenderDeploy {
    this.#count += 1;
    const now = this.#now();
    const deploy = {
      id: `dep-${String(this.#count).padStart(20, '0')}`,
      serviceId: service.id,
      commit: { id: commit, message: 'Fix timetable', createdAt: now },
      status: 'created',
      trigger,
      createdAt: now,
      startedAt: null,
      updatedAt: now,
      finishedAt: null,
    };
    this.deploys.unshift(deploy);
    return deploy;
  }

  #rollback(call: Call, service: RenderService): Reply {
    const to = this.deploys.find(({ id }) => id === call.json['deployId']);
    if (!to) return error(404, 'not found: deploy');
    if (to.status !== 'deactivated') return error(400, 'only an earlier successful deploy');
    const deploy = this.#add(service, to.commit?.id ?? '', 'rollback');
    // Its build exists already; the service's autoDeploy stays as it is.
    deploy.status = 'update_in_progress';
    return { status: 201, body: shown(deploy) };
  }

  #cancel(call: Call, deploy: RenderDeploy): Reply {
    if (call.method !== 'POST') return error(405, 'method not allowed');
    if (ends.has(deploy.status)) return error(400, 'deploy cannot be canceled');
    this.become(deploy.id, 'canceled');
    return { status: 200, body: shown(deploy) };
  }

  #listServices(call: Call): Reply {
    return page(call, [...this.services.values()], (service) => ({ service }));
  }

  #listDeploys(call: Call, service: RenderService): Reply {
    const own = this.deploys.filter(({ serviceId }) => serviceId === service.id);
    return page(call, own, (deploy) => ({ deploy: shown(deploy) }));
  }

  #now(): string {
    return new Date(this.clock()).toISOString();
  }
}

/** `[{cursor, …}]`: a page ends where it is shorter than asked for. */
function page<T extends { id: string }>(
  call: Call,
  all: readonly T[],
  body: (one: T) => object,
): Reply {
  const limit = Math.min(Number(call.query.get('limit') ?? 20), 100);
  const after = call.query.get('cursor');
  const start = after === null ? 0 : all.findIndex(({ id }) => `c-${id}` === after) + 1;
  const part = all.slice(start, start + limit);
  return { status: 200, body: part.map((one) => ({ cursor: `c-${one.id}`, ...body(one) })) };
}

/** Render leaves out what it does not know. */
function shown(deploy: RenderDeploy): object {
  const known = Object.entries(deploy).filter(
    ([key, value]) => value !== null && key !== 'serviceId',
  );
  return Object.fromEntries(known);
}

function error(status: number, message: string): Reply {
  return { status, body: { id: 'err-fake', message } };
}
