import { z } from 'zod';
import type { Api } from './api.js';
import { type CallContext, type Result } from './api.js';
import * as shapes from './shapes.js';

const appIn = z.object({ app: shapes.app });
const deploymentIn = z.object({ deployment: shapes.deployment });
const rawAppIn = z.object({
  app: z.looseObject({ spec: z.record(z.string(), z.unknown()) }),
});

const accountIn = z.object({
  account: z.object({
    email: z.string().optional().catch(undefined),
    team: z.object({ name: z.string() }).optional().catch(undefined),
  }),
});

/** An app's spec with all its fields and values is long. */
const bigAnswer = { maxResponseBytes: 8 * 1024 * 1024 };

/** The calls of reference/deploy-backends.md §1.3, by app. */
export class AppCalls {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  list(page: number, context: CallContext): Promise<Result<z.infer<typeof shapes.paged.apps>>> {
    const query = { page: String(page), per_page: '50' };
    const request = { method: 'GET', path: '/v2/apps', query, ...bigAnswer } as const;
    return this.#api.call(request, shapes.paged.apps, context);
  }

  /** Whose token it is. Needs the scope account:read, which nothing else does. */
  account(context: CallContext): Promise<Result<z.infer<typeof accountIn>>> {
    return this.#api.call({ method: 'GET', path: '/v2/account' }, accountIn, context);
  }

  async get(app: string, context: CallContext): Promise<Result<shapes.App>> {
    const request = { method: 'GET', path: appPath(app), ...bigAnswer } as const;
    return inner(await this.#api.call(request, appIn, context), 'app');
  }

  /** As it is, with everything we do not know: the API replaces the whole spec. */
  async rawSpec(app: string, context: CallContext): Promise<Result<Record<string, unknown>>> {
    const request = { method: 'GET', path: appPath(app), ...bigAnswer } as const;
    return inner(inner(await this.#api.call(request, rawAppIn, context), 'app'), 'spec');
  }

  async update(
    app: string,
    spec: Record<string, unknown>,
    context: CallContext,
  ): Promise<Result<shapes.App>> {
    const request = { method: 'PUT', path: appPath(app), json: { spec }, ...bigAnswer } as const;
    return inner(await this.#api.call(request, appIn, context), 'app');
  }

  async create(spec: Record<string, unknown>, context: CallContext): Promise<Result<shapes.App>> {
    const request = { method: 'POST', path: '/v2/apps', json: { spec }, ...bigAnswer } as const;
    return inner(await this.#api.call(request, appIn, context), 'app');
  }

  propose(
    spec: Record<string, unknown>,
    context: CallContext,
  ): Promise<Result<z.infer<typeof shapes.proposal>>> {
    const request = { method: 'POST', path: '/v2/apps/propose', json: { spec } } as const;
    return this.#api.call(request, shapes.proposal, context);
  }

  detect(
    bitbucket: { repo: string; branch: string },
    context: CallContext,
  ): Promise<Result<z.infer<typeof shapes.detection>>> {
    const json = { bitbucket };
    const request = { method: 'POST', path: '/v2/apps/detect', json } as const;
    return this.#api.call(request, shapes.detection, context);
  }

  async deploy(
    app: string,
    forceBuild: boolean,
    context: CallContext,
  ): Promise<Result<shapes.Deployment>> {
    const json = { force_build: forceBuild };
    const request = { method: 'POST', path: `${appPath(app)}/deployments`, json } as const;
    return inner(await this.#api.call(request, deploymentIn, context), 'deployment');
  }

  async deployment(
    app: string,
    id: string,
    context: CallContext,
  ): Promise<Result<shapes.Deployment>> {
    const request = { method: 'GET', path: deploymentPath(app, id), ...bigAnswer } as const;
    return inner(await this.#api.call(request, deploymentIn, context), 'deployment');
  }

  deployments(
    app: string,
    type: 'MANUAL' | 'MANUAL_ROLLBACK',
    page: number,
    context: CallContext,
  ): Promise<Result<z.infer<typeof shapes.paged.deployments>>> {
    const query = { page: String(page), per_page: '20', deployment_types: type };
    const path = `${appPath(app)}/deployments`;
    const request = { method: 'GET', path, query, ...bigAnswer } as const;
    return this.#api.call(request, shapes.paged.deployments, context);
  }

  async cancel(app: string, id: string, context: CallContext): Promise<Result<shapes.Deployment>> {
    const request = { method: 'POST', path: `${deploymentPath(app, id)}/cancel` } as const;
    return inner(await this.#api.call(request, deploymentIn, context), 'deployment');
  }

  validateRollback(
    app: string,
    to: string,
    context: CallContext,
  ): Promise<Result<z.infer<typeof shapes.validation>>> {
    const path = `${appPath(app)}/rollback/validate`;
    const json = { deployment_id: to };
    return this.#api.call({ method: 'POST', path, json }, shapes.validation, context);
  }

  async rollback(
    app: string,
    to: string,
    context: CallContext,
  ): Promise<Result<shapes.Deployment>> {
    const path = `${appPath(app)}/rollback`;
    const json = { deployment_id: to };
    const answer = await this.#api.call({ method: 'POST', path, json }, deploymentIn, context);
    return inner(answer, 'deployment');
  }

  /** Keeps what was rolled back to, and lets go of the pin. */
  commitRollback(app: string, context: CallContext): Promise<Result<unknown>> {
    const path = `${appPath(app)}/rollback/commit`;
    return this.#api.call({ method: 'POST', path }, z.unknown(), context);
  }

  /** Back to what was there before the rollback, as a new deployment; lets go of the pin. */
  async revertRollback(app: string, context: CallContext): Promise<Result<shapes.Deployment>> {
    const path = `${appPath(app)}/rollback/revert`;
    const answer = await this.#api.call({ method: 'POST', path }, deploymentIn, context);
    return inner(answer, 'deployment');
  }

  logs(
    app: string,
    id: string,
    type: 'BUILD' | 'DEPLOY',
    context: CallContext,
  ): Promise<Result<z.infer<typeof shapes.logPlaces>>> {
    const query = { type, follow: 'false' };
    const path = `${deploymentPath(app, id)}/logs`;
    return this.#api.call({ method: 'GET', path, query }, shapes.logPlaces, context);
  }
}

function appPath(app: string): string {
  return `/v2/apps/${encodeURIComponent(app)}`;
}

function deploymentPath(app: string, id: string): string {
  return `${appPath(app)}/deployments/${encodeURIComponent(id)}`;
}

function inner<Value extends object, Key extends keyof Value>(
  result: Result<Value>,
  key: Key,
): Result<Value[Key]> {
  return result.ok ? { ok: true, at: result.at, value: result.value[key] } : result;
}
