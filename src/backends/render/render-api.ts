import { z } from 'zod';
import type { BackendConnection, BackendDeployment } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import { BearerApi, type Failure, type Result } from '../bearer-api.js';
import { keyOf } from './settings.js';
import * as shapes from './shapes.js';

export interface RenderOptions {
  /** For the vendor's own API host. */
  vendorHttp: OutboundHttp;
  /** Absent: https://api.render.com */
  renderUrl?: string;
  clock: Clock;
}

export interface RenderCall {
  connection: BackendConnection | undefined;
  signal: AbortSignal;
  record?: BackendDeployment['record'];
}

type Answer<Shape extends z.ZodType> = Promise<Result<z.infer<Shape>>>;

const said = z.looseObject({ message: z.string() });
/** Not written down per key; this leaves the service room for everybody else who uses it. */
const limits = [{ calls: 100, ms: 60_000 }];
const noKey: Failure = { ok: false, why: 'credential', reason: 'The connection has no usable key' };

/** The calls of reference/deploy-backends.md §2.3. */
export class RenderApi {
  readonly origin: string;
  readonly #api: BearerApi;

  constructor({ vendorHttp: http, renderUrl, clock }: RenderOptions) {
    this.origin = renderUrl ?? 'https://api.render.com';
    const saidIn = (body: unknown): string | undefined => said.safeParse(body).data?.message;
    this.#api = new BearerApi({ label: 'Render', http, clock, limits, saidIn });
  }

  services(limit: number, cursor: string | null, call: RenderCall): Answer<typeof shapes.services> {
    const query = { limit: String(limit), ...(cursor === null ? {} : { cursor }) };
    return this.#call({ method: 'GET', path: '/v1/services', query }, shapes.services, call);
  }

  service(id: string, call: RenderCall): Answer<typeof shapes.service> {
    return this.#call({ method: 'GET', path: servicePath(id) }, shapes.service, call);
  }

  turnOffAutoDeploy(id: string, call: RenderCall): Answer<z.ZodUnknown> {
    const json = { autoDeploy: 'no' };
    return this.#call({ method: 'PATCH', path: servicePath(id), json }, z.unknown(), call);
  }

  /** 202 may come without a body: then nothing is known but that it waits. */
  start(id: string, commit: string, clearCache: boolean, call: RenderCall) {
    const json = { commitId: commit, clearCache: clearCache ? 'clear' : 'do_not_clear' };
    const shape = z.union([shapes.deploy, z.undefined()]);
    return this.#call({ method: 'POST', path: `${servicePath(id)}/deploys`, json }, shape, call);
  }

  deploys(id: string, cursor: string | null, call: RenderCall): Answer<typeof shapes.deploys> {
    const query = { limit: '20', ...(cursor === null ? {} : { cursor }) };
    const path = `${servicePath(id)}/deploys`;
    return this.#call({ method: 'GET', path, query }, shapes.deploys, call);
  }

  deploy(id: string, deploy: string, call: RenderCall): Answer<typeof shapes.deploy> {
    return this.#call({ method: 'GET', path: deployPath(id, deploy) }, shapes.deploy, call);
  }

  cancel(id: string, deploy: string, call: RenderCall): Answer<z.ZodUnknown> {
    const path = `${deployPath(id, deploy)}/cancel`;
    return this.#call({ method: 'POST', path }, z.unknown(), call);
  }

  rollBack(id: string, to: string, call: RenderCall): Answer<typeof shapes.deploy> {
    const path = `${servicePath(id)}/rollback`;
    return this.#call({ method: 'POST', path, json: { deployId: to } }, shapes.deploy, call);
  }

  async #call<Shape extends z.ZodType>(
    request: Parameters<BearerApi['call']>[0],
    shape: Shape,
    { connection, signal, record }: RenderCall,
  ): Answer<Shape> {
    const token = keyOf(connection);
    if (token === null || !connection) return noKey;
    const context = { origin: this.origin, token, budgetKey: connection.id, signal };
    return this.#api.call(request, shape, { ...context, ...(record && { record }) });
  }
}

function servicePath(id: string): string {
  return `/v1/services/${encodeURIComponent(id)}`;
}

function deployPath(service: string, id: string): string {
  return `${servicePath(service)}/deploys/${encodeURIComponent(id)}`;
}
