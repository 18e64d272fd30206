import { z } from 'zod';
import type { BackendConnection, BackendDeployment } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import { BearerApi, type Failure, type Result } from '../bearer-api.js';
import { readConnection } from './settings.js';
import * as shapes from './shapes.js';

export interface CoolifyOptions {
  /** The guarded client: the address is whatever a user typed. */
  http: OutboundHttp;
  clock: Clock;
}

export interface CoolifyCall {
  connection: BackendConnection | undefined;
  signal: AbortSignal;
  record?: BackendDeployment['record'];
}

type Request = Parameters<BearerApi['call']>[0];
type Answer<Shape extends z.ZodType> = Promise<Result<z.infer<Shape>>>;

const said = z.looseObject({ message: z.string() });
/** 200 a minute by default; a little is left for other programs. */
const limits = [{ calls: 180, ms: 60_000 }];
const longAnswer = { maxResponseBytes: 8 * 1024 * 1024 };
const noToken: Failure = {
  ok: false,
  why: 'credential',
  reason: 'The connection has no usable token',
};

/** The calls of reference/deploy-backends.md §2.9. */
export class CoolifyApi {
  readonly #api: BearerApi;

  constructor({ http, clock }: CoolifyOptions) {
    const saidIn = (body: unknown): string | undefined => said.safeParse(body).data?.message;
    this.#api = new BearerApi({ label: 'Coolify', http, clock, limits, saidIn });
  }

  applications(call: CoolifyCall): Answer<z.ZodArray<typeof shapes.application>> {
    const request = { method: 'GET', path: '/applications', ...longAnswer } as const;
    return this.#call(request, z.array(shapes.application), call);
  }

  application(uuid: string, call: CoolifyCall): Answer<typeof shapes.application> {
    return this.#call({ method: 'GET', path: applicationPath(uuid) }, shapes.application, call);
  }

  deploy(uuid: string, force: boolean, call: CoolifyCall): Answer<typeof shapes.started> {
    const json = { uuid, force };
    return this.#call({ method: 'POST', path: '/deploy', json }, shapes.started, call);
  }

  history(uuid: string, skip: number, call: CoolifyCall): Answer<typeof shapes.history> {
    const path = `/deployments/applications/${encodeURIComponent(uuid)}`;
    const query = { skip: String(skip), take: '20' };
    return this.#call({ method: 'GET', path, query, ...longAnswer }, shapes.history, call);
  }

  deployment(uuid: string, call: CoolifyCall): Answer<typeof shapes.deployment> {
    const path = `/deployments/${encodeURIComponent(uuid)}`;
    return this.#call({ method: 'GET', path, ...longAnswer }, shapes.deployment, call);
  }

  cancel(uuid: string, call: CoolifyCall): Answer<z.ZodUnknown> {
    const path = `/deployments/${encodeURIComponent(uuid)}/cancel`;
    return this.#call({ method: 'POST', path }, z.unknown(), call);
  }

  images(uuid: string, call: CoolifyCall): Answer<typeof shapes.images> {
    const path = `${applicationPath(uuid)}/rollback-images`;
    return this.#call({ method: 'GET', path }, shapes.images, call);
  }

  rollBack(uuid: string, commit: string, call: CoolifyCall): Answer<typeof shapes.rolledBack> {
    const path = `${applicationPath(uuid)}/rollback`;
    return this.#call({ method: 'POST', path, json: { commit } }, shapes.rolledBack, call);
  }

  async #call<Shape extends z.ZodType>(
    request: Request,
    shape: Shape,
    { connection, signal, record }: CoolifyCall,
  ): Answer<Shape> {
    const read = readConnection(connection);
    if (!read || !connection) return noToken;
    const { origin } = new URL(read.url);
    const context = { origin, token: read.token, budgetKey: connection.id, signal };
    const path = `/api/v1${request.path}`;
    return this.#api.call({ ...request, path }, shape, { ...context, ...(record && { record }) });
  }
}

function applicationPath(uuid: string): string {
  return `/applications/${encodeURIComponent(uuid)}`;
}
