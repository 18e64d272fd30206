import type { z } from 'zod';
import type {
  BackendDeployment,
  CancelResult,
  LookupResult,
  Observation,
  TriggerOutcome,
} from '../core/backend.js';
import type { Clock } from '../core/ports.js';
import { CallBudget, type BudgetWindow } from '../lib/call-budget.js';
import type { OutboundHttp } from '../lib/outbound-http.js';
import { recordingHttp } from '../lib/recording-http.js';
import { redactText } from '../lib/redact-text.js';
import { callVendor, type VendorAnswer, type VendorCall } from '../lib/vendor-api.js';

export interface BearerApiOptions {
  /** As people know it: stands in every sentence. */
  label: string;
  http: Pick<OutboundHttp, 'send'>;
  clock: Clock;
  /** What the service allows a credential. */
  limits: readonly BudgetWindow[];
  /** The service's own words in the body of a refusal. */
  saidIn(body: unknown): string | undefined;
  /** For services that say in headers of their own when calls are allowed again; ms. */
  waitIn?(headers: Readonly<Record<string, string>>, now: number): number | undefined;
}

/** Whose credential, where, and how long: one call's surroundings. */
export interface CallContext {
  origin: string;
  token: string;
  /** Names the credential without being it. */
  budgetKey: string;
  signal: AbortSignal;
  record?: BackendDeployment['record'];
}

export type Result<Value> =
  { ok: true; status: number; value: Value; /** Their clock, Unix ms. */ at: number } | Failure;

/**
 * `not_sent`: nothing arrived. `no_answer`: it may have been acted on. `limited`: too many calls. `credential`: not accepted, or
 * not allowed to. `missing`, `refused`: they said no. `busy`: something else is under way. `away`: they say that they are not
 * working. `down`: their fault, and who knows how far they came. `odd`: an answer that cannot be understood.
 */
export type FailureKind =
  | 'not_sent'
  | 'no_answer'
  | 'limited'
  | 'credential'
  | 'missing'
  | 'refused'
  | 'busy'
  | 'away'
  | 'down'
  | 'odd';

export interface Failure {
  ok: false;
  why: FailureKind;
  /** Fit to be shown, without the full stop. */
  reason: string;
  retryAfterMs?: number;
}

type Answered = Extract<VendorAnswer, { kind: 'answered' }>;

const defaultPauseMs = 60_000;
const messageLimit = 300;

/** A JSON API behind a bearer token, as Render, Vercel and Coolify have one. Never throws for what the other side does. */
export class BearerApi {
  readonly #options: BearerApiOptions;
  readonly #budget: CallBudget;

  constructor(options: BearerApiOptions) {
    this.#options = options;
    this.#budget = new CallBudget(options.clock, options.limits);
  }

  async call<Shape extends z.ZodType>(
    request: Omit<VendorCall, 'token' | 'signal'>,
    shape: Shape,
    context: CallContext,
  ): Promise<Result<z.infer<Shape>>> {
    const { label, http, clock } = this.#options;
    const { origin, budgetKey, token, signal } = context;
    const answer = await callVendor(
      { ...request, token, signal },
      {
        ...{ origin, budgetKey, clock, budget: this.#budget },
        http: recordingHttp(http, context.record, clock),
      },
    );
    if (answer.kind === 'no_answer') return fail('no_answer', answer.reason);
    if (answer.kind === 'not_sent') {
      if (answer.waitMs === undefined) return fail('not_sent', answer.reason);
      const reason = `${label} allows this credential no more calls at the moment`;
      return fail('limited', reason, answer.waitMs);
    }
    if (answer.status >= 300) return this.#refusal(answer, context);
    const parsed = shape.safeParse(answer.body);
    if (!parsed.success) {
      return fail('odd', `${label} answered ${answer.status} with something that is not its API`);
    }
    const date = Date.parse(answer.headers['date'] ?? '');
    const at = Number.isNaN(date) ? clock() : date;
    return { ok: true, status: answer.status, value: parsed.data, at };
  }

  #refusal(answer: Answered, { token, budgetKey }: CallContext): Failure {
    const { label, clock } = this.#options;
    const { status } = answer;
    const said = this.#options.saidIn(answer.body);
    const words = said === undefined ? '' : `: ${redactText(said, [token], messageLimit)}`;
    if (status < 400)
      return fail('refused', `${label} redirects (${status}); enter the address it leads to`);
    if (status === 401 || status === 403) {
      return fail(
        'credential',
        `${label} does not accept the credential for this (${status})${words}`,
      );
    }
    if (status === 404) return fail('missing', `${label} does not know it (404)${words}`);
    if (status === 409) return fail('busy', `${label} is busy with something else (409)${words}`);
    if (status === 429) {
      const wait = answer.retryAfterMs ?? this.#options.waitIn?.(answer.headers, clock());
      const retryAfterMs = wait ?? defaultPauseMs;
      this.#budget.pause(budgetKey, retryAfterMs);
      return fail('limited', `${label} asks us to wait (429)${words}`, retryAfterMs);
    }
    const reason = `${label} answered ${status}${words}`;
    if (status === 503) return fail('away', reason, answer.retryAfterMs);
    if (status >= 500) return fail('down', reason, answer.retryAfterMs);
    return fail('refused', reason);
  }
}

function fail(why: FailureKind, reason: string, retryAfterMs?: number): Failure {
  return { ok: false, why, reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

const answeredWell: ReadonlySet<FailureKind> = new Set(['limited', 'busy']);
const openEnds: ReadonlySet<FailureKind> = new Set(['no_answer', 'down', 'odd']);

/** @param mayHaveStarted the failed call was the one that starts a deployment: then only a plain no is sure to have started none */
export function failedTrigger(failure: Failure, mayHaveStarted: boolean): TriggerOutcome {
  const { why, retryAfterMs } = failure;
  const reason = `${failure.reason}.`;
  if (why === 'credential') return { kind: 'rejected', reason, needsReconnect: true };
  if (why === 'missing' || why === 'refused') return { kind: 'rejected', reason };
  if (mayHaveStarted && openEnds.has(why)) return { kind: 'unknown', reason };
  return {
    kind: 'retry',
    reason: failure.reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(answeredWell.has(why) ? { isBusy: true } : {}),
  };
}

export function failedLookup({ why, reason }: Failure): LookupResult {
  return { kind: 'undecided', reason, ...(why === 'credential' ? { needsReconnect: true } : {}) };
}

/** Not knowing is no reason to call a deployment failed. */
export function failedObservation(failure: Failure, label: string): Observation {
  const { why, retryAfterMs } = failure;
  if (why === 'credential') {
    return { state: 'unchanged', reason: `${failure.reason}.`, needsReconnect: true };
  }
  if (why === 'missing') {
    return { state: 'stopped', reason: `${label} no longer knows this deployment; look there.` };
  }
  return { state: 'unchanged', pollAfterMs: Math.min(retryAfterMs ?? 10_000, 300_000) };
}

export function cancelResult(answer: Result<unknown>): CancelResult {
  if (answer.ok) return { kind: 'cancelled' };
  if (answer.why === 'refused' || answer.why === 'busy') return { kind: 'too_late' };
  return { kind: 'failed', reason: answer.reason };
}

/** Often at first, when somebody watches; a long build need not be asked about every few seconds. */
export function pollAfter(ageMs: number): number {
  if (!(ageMs >= 60_000)) return 5_000;
  return ageMs < 10 * 60_000 ? 10_000 : 30_000;
}

/** A request that timed out here may still be on its way there for so long. */
const lateMs = 60_000;
/** `Date` has whole seconds. */
const clockErrorMs = 2_000;

/** Since when, by their clock, what we sent can have been made there; null: it is not known when it was sent. */
export function madeSince(
  { sent }: BackendDeployment,
  theirNow: number,
  now: number,
): number | null {
  return sent === undefined ? null : sent.first + (theirNow - now) - clockErrorMs;
}

/** Absence is believed only when the request can no longer be on its way. */
export function absentYet({ sent }: BackendDeployment, label: string, now: number): LookupResult {
  if (sent !== undefined && now - sent.last >= lateMs) return { kind: 'absent' };
  return { kind: 'undecided', reason: `${label} has no such deployment yet` };
}
