import { FakeService, type Call, type Reply } from '../../support/fake-service.js';

export interface VercelDeployment {
  id: string;
  projectId: string;
  url: string;
  readyState: string;
  /** `STAGED`: built, but the production domains stay where they are. */
  readySubstate: 'STAGED' | 'PROMOTED' | null;
  target: 'production' | null;
  createdAt: number;
  errorMessage: string | null;
  gitSource: Record<string, unknown>;
  meta: Record<string, string>;
}

export interface VercelProject {
  id: string;
  name: string;
  teamId: string | null;
  link: { type: string; productionBranch: string; uuid: string } | null;
  lastAliasRequest: {
    type: 'promote' | 'rollback';
    fromDeploymentId: string | null;
    toDeploymentId: string;
    jobStatus: 'pending' | 'in-progress' | 'succeeded' | 'failed' | 'skipped';
    requestedAt: number;
  } | null;
}

const ends = new Set(['READY', 'ERROR', 'CANCELED', 'BLOCKED']);

/**
 * Vercel's API by its public description (reference/deploy-backends.md §2.1): bearer token, a team's things are visible with
 * `teamId` only, lists have another shape than single deployments, and after a rollback new production builds stay staged
 * until one is promoted.
 */
export class FakeVercel extends FakeService {
  token = 'vcFakeTokenOfTheHarbourTeam0001';
  readonly projects = new Map<string, VercelProject>();
  /** Newest first. */
  readonly deployments: VercelDeployment[] = [];
  readonly events = new Map<string, string[]>();
  /** Commits whose author is no member of the team. */
  readonly strangers = new Set<string>();
  /** What the production domains of a project show. */
  readonly production = new Map<string, string>();
  #count = 0;

  addProject(more: Partial<VercelProject> = {}): VercelProject {
    const project: VercelProject = {
      id: 'prj_ferrydesk000000000000000001',
      name: 'ferry-desk',
      teamId: null,
      link: { type: 'bitbucket', productionBranch: 'main', uuid: '{7c1e}' },
      lastAliasRequest: null,
      ...more,
    };
    this.projects.set(project.id, project);
    return project;
  }

  become(id: string, readyState: string, errorMessage: string | null = null): void {
    const deployment = this.deployments.find((each) => each.id === id);
    if (!deployment) throw new Error(`There is no deployment ${id}`);
    deployment.readyState = readyState;
    deployment.errorMessage = errorMessage;
    const project = this.projects.get(deployment.projectId);
    if (readyState !== 'READY' || deployment.target !== 'production' || !project) return;
    const isPinned = project.lastAliasRequest?.type === 'rollback';
    deployment.readySubstate = isPinned ? 'STAGED' : 'PROMOTED';
    if (!isPinned) this.production.set(project.id, id);
  }

  /** The domains of the last promote or rollback have moved, or could not be. */
  finishAlias(projectId: string, jobStatus: 'succeeded' | 'failed'): void {
    const request = this.projects.get(projectId)?.lastAliasRequest;
    if (!request) throw new Error('Nothing was promoted or rolled back');
    request.jobStatus = jobStatus;
    if (jobStatus === 'failed') return;
    this.production.set(projectId, request.toDeploymentId);
    const deployment = this.deployments.find(({ id }) => id === request.toDeploymentId);
    if (deployment) deployment.readySubstate = 'PROMOTED';
  }

  protected route(call: Call): Reply {
    if (call.headers.authorization !== `Bearer ${this.token}`) {
      return error(403, 'forbidden', 'Not authorized', { invalidToken: true });
    }
    const { path, method } = call;
    const [, , collection, name, part, id] = path.split('/');
    if (path === '/v9/projects') return this.#projects(call);
    if (/^\/v9\/projects\/[^/]+$/.test(path)) return this.#project(call, name);
    if (/^\/v10\/projects\/[^/]+\/promote\//.test(path))
      return this.#alias(call, 'promote', name, id);
    if (/^\/v1\/projects\/[^/]+\/rollback\//.test(path))
      return this.#alias(call, 'rollback', name, id);
    if (collection !== 'deployments') return error(404, 'not_found', 'The page was not found');
    if (path === '/v13/deployments' && method === 'POST') return this.#create(call);
    if (path === '/v7/deployments' && method === 'GET') return this.#list(call);
    const deployment = this.deployments.find((each) => each.id === name || each.url === name);
    const project = deployment ? this.#visible(call, deployment.projectId) : undefined;
    if (!deployment || !project) return error(404, 'not_found', 'The deployment was not found.');
    if (path.startsWith('/v3/') && part === 'events') return this.#events(deployment);
    if (path.startsWith('/v12/') && part === 'cancel' && method === 'PATCH') {
      return this.#cancel(deployment);
    }
    if (path.startsWith('/v13/') && part === undefined)
      return { status: 200, body: single(deployment) };
    return error(404, 'not_found', 'The page was not found');
  }

  #visible(call: Call, idOrName: string | undefined): VercelProject | undefined {
    const team = call.query.get('teamId');
    return [...this.projects.values()].find(
      (each) => (each.id === idOrName || each.name === idOrName) && each.teamId === team,
    );
  }

  #project(call: Call, idOrName: string | undefined): Reply {
    const project = this.#visible(call, idOrName);
    return project
      ? { status: 200, body: { accountId: 'acc_1', framework: null, ...project } }
      : error(404, 'not_found', 'Project not found');
  }

  #projects(call: Call): Reply {
    const team = call.query.get('teamId');
    const visible = [...this.projects.values()].filter(({ teamId }) => teamId === team);
    const start = Number(call.query.get('from') ?? 0);
    const end = start + Number(call.query.get('limit') ?? 20);
    const next = end < visible.length ? end : null;
    const body = { projects: visible.slice(start, end), pagination: { count: end - start, next } };
    return { status: 200, body };
  }

  #create(call: Call): Reply {
    const { name, project: wanted, gitSource, target, meta } = call.json;
    if (typeof name !== 'string')
      return error(400, 'bad_request', 'Invalid request: missing `name`');
    const project = this.#visible(call, typeof wanted === 'string' ? wanted : name);
    if (!project) return error(404, 'not_found', 'Project not found');
    const source = gitSource as Record<string, unknown> | undefined;
    if (source?.['type'] !== 'bitbucket' || typeof source['repoUuid'] !== 'string') {
      return error(400, 'bad_request', 'Invalid request: `gitSource` misses `repoUuid`');
    }
    if (!project.link || project.link.uuid !== source['repoUuid']) {
      return error(400, 'incorrect_git_source_info', 'The repository is not connected');
    }
    this.#count += 1;
    const deployment: VercelDeployment = {
      id: `dpl_${String(this.#count).padStart(28, '0')}`,
      projectId: project.id,
      url: `ferry-desk-${this.#count}-harbour.vercel.app`,
      readyState: this.strangers.has(String(source['sha'])) ? 'BLOCKED' : 'QUEUED',
      readySubstate: null,
      target: target === 'production' ? 'production' : null,
      createdAt: this.clock(),
      errorMessage: null,
      gitSource: source,
      meta: (meta ?? {}) as Record<string, string>,
    };
    this.deployments.unshift(deployment);
    return { status: 200, body: single(deployment) };
  }

  /** Pages go backwards in time by `until`. */
  #list(call: Call): Reply {
    const project = this.#visible(call, call.query.get('projectId') ?? undefined);
    if (!project) return error(404, 'not_found', 'Project not found');
    const since = Number(call.query.get('since') ?? 0);
    const until = Number(call.query.get('until') ?? Infinity);
    const limit = Number(call.query.get('limit') ?? 20);
    const all = this.deployments.filter(
      ({ projectId, createdAt }) =>
        projectId === project.id && createdAt >= since && createdAt < until,
    );
    const part = all.slice(0, limit);
    const last = part.at(-1);
    const next = all.length > limit && last ? last.createdAt : null;
    const body = {
      deployments: part.map(listed),
      pagination: { count: part.length, next, prev: null },
    };
    return { status: 200, body };
  }

  #events({ id }: VercelDeployment): Reply {
    const lines = this.events.get(id) ?? [];
    const body = lines.map((text, index) => ({
      type: 'stdout',
      created: index,
      payload: { text },
    }));
    return { status: 200, body };
  }

  #cancel(deployment: VercelDeployment): Reply {
    if (ends.has(deployment.readyState)) {
      return error(400, 'bad_request', 'The deployment is not in a cancellable state');
    }
    deployment.readyState = 'CANCELED';
    return { status: 200, body: single(deployment) };
  }

  #alias(
    call: Call,
    type: 'promote' | 'rollback',
    projectId: string | undefined,
    id: string | undefined,
  ): Reply {
    if (call.method !== 'POST') return error(405, 'method_not_allowed', 'Method not allowed');
    const project = this.#visible(call, projectId);
    const deployment = this.deployments.find((each) => each.id === id);
    if (!project || !deployment) return error(404, 'not_found', 'The deployment was not found.');
    if (deployment.readyState !== 'READY')
      return error(400, 'bad_request', 'Deployment is not ready');
    const now = this.production.get(project.id) ?? null;
    if (now === deployment.id) return error(409, 'conflict', 'It is the production deployment');
    project.lastAliasRequest = {
      type,
      fromDeploymentId: now,
      toDeploymentId: deployment.id,
      jobStatus: 'in-progress',
      requestedAt: this.clock(),
    };
    return { status: type === 'promote' ? 202 : 201, body: type === 'promote' ? {} : undefined };
  }
}

function single(deployment: VercelDeployment): object {
  const { errorMessage, readySubstate, ...rest } = deployment;
  return {
    ...rest,
    status: deployment.readyState,
    inspectorUrl: `https://vercel.com/harbour/ferry-desk/${deployment.id.slice(4)}`,
    gitSource: { ...rest.gitSource, sha: rest.gitSource['sha'] },
    ...(readySubstate === null ? {} : { readySubstate }),
    ...(errorMessage === null ? {} : { errorMessage, errorCode: 'BUILD_FAILED' }),
  };
}

/** A list names id and state in other words. */
function listed({ id, url, readyState, target, createdAt, meta }: VercelDeployment): object {
  return {
    uid: id,
    url,
    state: readyState,
    readyState,
    target,
    created: createdAt,
    createdAt,
    meta,
  };
}

function error(status: number, code: string, message: string, more: object = {}): Reply {
  return { status, body: { error: { code, message, ...more } } };
}
