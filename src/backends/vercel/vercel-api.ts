import { z } from 'zod';
import type { BackendConnection, BackendDeployment } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import { BearerApi, type Failure, type Result } from '../bearer-api.js';
import { readConnection } from './settings.js';
import * as shapes from './shapes.js';

export interface VercelOptions {
  /** For the vendor's own API host. */
  vendorHttp: OutboundHttp;
  /** Absent: https://api.vercel.com */
  vercelUrl?: string;
  clock: Clock;
}

export interface VercelCall {
  connection: BackendConnection | undefined;
  signal: AbortSignal;
  record?: BackendDeployment['record'];
}

type Request = Parameters<BearerApi['call']>[0];
type Answer<Shape extends z.ZodType> = Promise<Result<z.infer<Shape>>>;

const said = z.looseObject({ error: z.looseObject({ message: z.string() }) });
const limits = [{ calls: 100, ms: 60_000 }];
const noToken: Failure = {
  ok: false,
  why: 'credential',
  reason: 'The connection has no usable token',
};

/** The calls of reference/deploy-backends.md §2.1. */
export class VercelApi {
  readonly origin: string;
  readonly #api: BearerApi;

  constructor({ vendorHttp: http, vercelUrl, clock }: VercelOptions) {
    this.origin = vercelUrl ?? 'https://api.vercel.com';
    const saidIn = (body: unknown): string | undefined => said.safeParse(body).data?.error.message;
    this.#api = new BearerApi({ label: 'Vercel', http, clock, limits, saidIn, waitIn });
  }

  projects(limit: number, from: string | null, call: VercelCall): Answer<typeof shapes.projects> {
    const query = { limit: String(limit), ...(from === null ? {} : { from }) };
    return this.#call({ method: 'GET', path: '/v9/projects', query }, shapes.projects, call);
  }

  project(id: string, call: VercelCall): Answer<typeof shapes.project> {
    const path = `/v9/projects/${encodeURIComponent(id)}`;
    // Newer versions leave the last promote or rollback out unless they are asked.
    const query = { rollbackInfo: 'true' };
    return this.#call({ method: 'GET', path, query }, shapes.project, call);
  }

  create(json: object, call: VercelCall): Answer<typeof shapes.deployment> {
    const query = { forceNew: '1', skipAutoDetectionConfirmation: '1' };
    const request = { method: 'POST', path: '/v13/deployments', query, json } as const;
    return this.#call(request, shapes.deployment, call);
  }

  deployment(id: string, call: VercelCall): Answer<typeof shapes.deployment> {
    const path = `/v13/deployments/${encodeURIComponent(id)}`;
    return this.#call({ method: 'GET', path }, shapes.deployment, call);
  }

  deployments(
    project: string,
    since: number,
    until: number | null,
    call: VercelCall,
  ): Answer<typeof shapes.deployments> {
    const window = { since: String(since), ...(until === null ? {} : { until: String(until) }) };
    const query = { projectId: project, limit: '50', ...window };
    return this.#call({ method: 'GET', path: '/v7/deployments', query }, shapes.deployments, call);
  }

  cancel(id: string, call: VercelCall): Answer<z.ZodUnknown> {
    const path = `/v12/deployments/${encodeURIComponent(id)}/cancel`;
    return this.#call({ method: 'PATCH', path }, z.unknown(), call);
  }

  rollBack(project: string, to: string, call: VercelCall): Answer<z.ZodUnknown> {
    const path = `/v1/projects/${encodeURIComponent(project)}/rollback/${encodeURIComponent(to)}`;
    return this.#call({ method: 'POST', path }, z.unknown(), call);
  }

  promote(project: string, id: string, call: VercelCall): Answer<z.ZodUnknown> {
    const path = `/v10/projects/${encodeURIComponent(project)}/promote/${encodeURIComponent(id)}`;
    return this.#call({ method: 'POST', path, json: {} }, z.unknown(), call);
  }

  events(id: string, call: VercelCall): Answer<typeof shapes.events> {
    const path = `/v3/deployments/${encodeURIComponent(id)}/events`;
    const long = { maxResponseBytes: 8 * 1024 * 1024 };
    return this.#call({ method: 'GET', path, ...long }, shapes.events, call);
  }

  async #call<Shape extends z.ZodType>(
    request: Request,
    shape: Shape,
    { connection, signal, record }: VercelCall,
  ): Answer<Shape> {
    const read = readConnection(connection);
    if (!read || !connection) return noToken;
    const { token, teamId } = read;
    const query = { ...request.query, ...(teamId === undefined ? {} : { teamId }) };
    const context = { origin: this.origin, token, budgetKey: connection.id, signal };
    const about = { ...context, ...(record && { record }) };
    return this.#api.call({ ...request, query }, shape, about);
  }
}

/** `x-ratelimit-reset`: Unix seconds. */
function waitIn(headers: Readonly<Record<string, string>>, now: number): number | undefined {
  const reset = Number(headers['x-ratelimit-reset'] ?? '') * 1000;
  return reset > now ? Math.min(reset - now, 3_600_000) : undefined;
}
