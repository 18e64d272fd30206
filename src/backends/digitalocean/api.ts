import type { z } from 'zod';
import type { BackendConnection, BackendDeployment } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import { CallBudget } from '../../lib/call-budget.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import { recordingHttp } from '../../lib/recording-http.js';
import { redactText } from '../../lib/redact-text.js';
import { callVendor, type VendorAnswer, type VendorCall } from '../../lib/vendor-api.js';
import { tokenOf } from './settings.js';
import { problem } from './shapes.js';

export interface ApiOptions {
  /** A client for fixed hosts. */
  http: OutboundHttp;
  /** `https://api.digitalocean.com` */
  origin: string;
  clock: Clock;
}

export type Result<Value> =
  { ok: true; value: Value; /** Their clock, Unix ms. */ at: number } | Failure;

export interface Failure {
  ok: false;
  why: FailureKind;
  /** A sentence fit to be shown, without the full stop. */
  reason: string;
  retryAfterMs?: number;
  /** Their word for it: `not_found`. */
  id?: string;
}

/**
 * `not_sent`: nothing arrived. `no_answer`: it may have been acted on. `limited`: too many calls. `unauthorized`: the token.
 * `forbidden`: what the token may do. `missing`, `refused`: they said no. `busy`: somebody deploys. `down`: theirs. `odd`: a
 * success that cannot be understood.
 */
export type FailureKind =
  | 'not_sent'
  | 'no_answer'
  | 'limited'
  | 'unauthorized'
  | 'forbidden'
  | 'missing'
  | 'refused'
  | 'busy'
  | 'down'
  | 'odd';

type Request = Omit<VendorCall, 'token' | 'signal'>;

/** reference/deploy-backends.md §1.2: each token, sliding. A little is left for other programs that use it. */
const limits = [
  { calls: 240, ms: 60_000 },
  { calls: 4_900, ms: 3_600_000 },
];
const defaultPauseMs = 60_000;
const messageLimit = 300;

/** DigitalOcean's API with one connection's token. */
export class Api {
  readonly #options: ApiOptions;
  readonly #budget: CallBudget;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.#budget = new CallBudget(options.clock, limits);
  }

  /**
   * One call. Never throws for what DigitalOcean does.
   *
   * @param shape of the answer; null: none is wanted (204)
   */
  async call<Shape extends z.ZodType>(
    request: Request,
    shape: Shape,
    context: CallContext,
  ): Promise<Result<z.infer<Shape>>> {
    const token = tokenOf(context.connection);
    if (token === null || !context.connection) {
      return { ok: false, why: 'unauthorized', reason: 'The connection has no usable token' };
    }
    const { http, origin, clock } = this.#options;
    const budgetKey = context.connection.id;
    const answer = await callVendor(
      { ...request, token, signal: context.signal },
      {
        ...{ origin, clock, budgetKey, budget: this.#budget },
        http: recordingHttp(http, context.record, clock),
      },
    );
    if (answer.kind !== 'answered') return withoutAnswer(answer);
    if (answer.status === 429) this.#budget.pause(budgetKey, pauseMs(answer, clock()));
    if (answer.status >= 300) return refusal(answer, token, clock());
    const parsed = shape.safeParse(answer.body);
    if (!parsed.success) {
      const reason = `DigitalOcean answered ${answer.status} with something that is not its API`;
      return { ok: false, why: 'odd', reason };
    }
    const date = Date.parse(answer.headers['date'] ?? '');
    return { ok: true, value: parsed.data, at: Number.isNaN(date) ? clock() : date };
  }
}

export interface CallContext {
  connection: BackendConnection | undefined;
  signal: AbortSignal;
  record?: BackendDeployment['record'];
}

function withoutAnswer(answer: Exclude<VendorAnswer, { kind: 'answered' }>): Failure {
  if (answer.kind === 'no_answer') return { ok: false, why: 'no_answer', reason: answer.reason };
  if (answer.waitMs === undefined) return { ok: false, why: 'not_sent', reason: answer.reason };
  const reason = 'DigitalOcean allows this token no more calls at the moment';
  return { ok: false, why: 'limited', reason, retryAfterMs: answer.waitMs };
}

type Answered = Extract<VendorAnswer, { kind: 'answered' }>;

/** Over the minute limit they say `retry-after`; over the hour limit only when the oldest call expires (§1.2). */
function pauseMs({ headers, retryAfterMs }: Answered, now: number): number {
  if (retryAfterMs !== undefined) return retryAfterMs;
  const reset = Number(headers['ratelimit-reset'] ?? '') * 1000;
  return reset > now ? Math.min(reset - now, 3_600_000) : defaultPauseMs;
}

function refusal(answer: Answered, token: string, now: number): Failure {
  const { status, body } = answer;
  const said = problem.safeParse(body).data;
  const words = said?.message ? `: ${redactText(said.message, [token], messageLimit)}` : '';
  const base = {
    ok: false,
    ...(said?.id === undefined ? {} : { id: said.id }),
  } as const;
  switch (status) {
    case 401:
      return {
        ...base,
        why: 'unauthorized',
        reason: 'DigitalOcean does not accept the token (401)',
      };
    case 403:
      return { ...base, why: 'forbidden', reason: `The token may not do this (403)${words}` };
    case 404:
      return { ...base, why: 'missing', reason: `DigitalOcean does not know it (404)${words}` };
    case 409:
      return { ...base, why: 'busy', reason: `DigitalOcean is busy with this app (409)${words}` };
    case 429: {
      const retryAfterMs = pauseMs(answer, now);
      const reason = 'DigitalOcean asks us to wait (429)';
      return { ...base, why: 'limited', reason, retryAfterMs };
    }
    default: {
      const why = status >= 500 ? 'down' : 'refused';
      const wait = answer.retryAfterMs;
      const reason = `DigitalOcean answered ${status}${words}`;
      return { ...base, why, reason, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
    }
  }
}
