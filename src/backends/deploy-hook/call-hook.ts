import type { BackendDeployment, TriggerOutcome, TriggerRequest } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import {
  OutboundError,
  type OutboundHttp,
  type OutboundResponse,
} from '../../lib/outbound-http.js';
import { recordingHttp } from '../../lib/recording-http.js';
import { redactText } from '../../lib/redact-text.js';
import { retryAfterMs } from '../../lib/retry-after.js';
import type { DeployHookSettings } from './settings.js';

export interface DeployHookOptions {
  /** The guarded client: the address is whatever a user pasted. */
  http: OutboundHttp;
  clock: Clock;
}

export type HookAnswer =
  { kind: 'answered'; response: OutboundResponse } | { kind: 'failed'; outcome: TriggerOutcome };

const defaultThrottleMs = 60_000;
const messageLimit = 300;

/** Starts something over there, once. Nothing that it answers is trusted to keep the address secret. */
export async function startByHook(
  request: TriggerRequest,
  settings: DeployHookSettings,
  options: DeployHookOptions,
  signal: AbortSignal,
): Promise<TriggerOutcome> {
  const { preset } = settings;
  const url = new URL(settings.url);
  preset.address?.(url, request);
  const body = preset.body?.(request);
  const record = request.record?.bind(request);
  const answer = await post(url, { body, signal, record }, options);
  if (answer.kind === 'failed') return answer.outcome;
  return readAnswer(answer.response, settings, options.clock());
}

export async function post(
  url: URL,
  call: {
    body: object | undefined;
    signal: AbortSignal;
    record?: BackendDeployment['record'];
    headers?: Readonly<Record<string, string>>;
  },
  { http, clock }: DeployHookOptions,
): Promise<HookAnswer> {
  const json = call.body === undefined ? {} : { 'Content-Type': 'application/json' };
  try {
    const response = await recordingHttp(http, call.record, clock).send({
      method: 'POST',
      url: url.href,
      headers: { Accept: 'application/json', ...json, ...call.headers },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      signal: call.signal,
    });
    return { kind: 'answered', response };
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return { kind: 'failed', outcome: withoutAnswer(error, url.host) };
  }
}

function withoutAnswer({ failure, code, beforeSend }: OutboundError, host: string): TriggerOutcome {
  if (failure === 'refused_url') {
    const reason = `${host} may not be called from here: only https, and no private or reserved network.`;
    return { kind: 'rejected', reason };
  }
  if (beforeSend) {
    const why = code === null ? '' : ` (${code})`;
    return { kind: 'retry', reason: `no connection to ${host}${why}` };
  }
  const isLate = failure === 'timeout' || failure === 'aborted';
  const reason = isLate
    ? `${host} did not answer in time.`
    : `The connection to ${host} broke before it answered.`;
  return { kind: 'unknown', reason };
}

function readAnswer(
  response: OutboundResponse,
  { preset, hidden }: DeployHookSettings,
  now: number,
): TriggerOutcome {
  const { status, headers, text } = response;
  const { label } = preset;
  const name = label === 'Any other' ? 'The hook' : label;
  if (status >= 300) return refused(response, name, now);
  const isPage =
    /\bhtml\b/i.test(headers['content-type'] ?? '') || /^\s*<(!doctype|html)/i.test(text);
  const odd = `${name} answered ${status} with something that is not its API; is this the address of the hook?`;
  // Perhaps a proxy's page after the hook was called: nobody knows, and a hook cannot be asked.
  if (isPage) return { kind: 'unknown', reason: odd };
  if (!preset.read) return { kind: 'accepted', backendRef: 'handed-over' };
  const read = preset.read(parsed(text));
  switch (read.kind) {
    case 'started':
      return { kind: 'accepted', backendRef: clean(read.ref ?? 'handed-over', hidden) };
    case 'odd':
      return { kind: 'unknown', reason: odd };
    case 'refused': {
      const reason = `${name} answered ${status}, but refused it: ${clean(read.reason, hidden)}`;
      if (read.isBusy) return { kind: 'retry', reason, isBusy: true };
      return {
        kind: 'rejected',
        reason: `${reason}.`,
        ...(read.isCredential ? { needsReconnect: true } : {}),
      };
    }
  }
}

/** Words of the other side are left out: it knows its own address, and may repeat it. */
function refused({ status, headers }: OutboundResponse, name: string, now: number): TriggerOutcome {
  if (status < 400) {
    return {
      kind: 'rejected',
      reason: `${name} redirects (${status}); paste the address it leads to.`,
    };
  }
  if (status === 401 || status === 403) {
    const reason = `${name} does not accept the address any more (${status}); make a new hook there.`;
    return { kind: 'rejected', reason, needsReconnect: true };
  }
  if (status === 404 || status === 410) {
    return {
      kind: 'rejected',
      reason: `There is no such hook any more (${status}); make a new one.`,
    };
  }
  const wait = retryAfterMs(headers['retry-after'], now);
  const reason = `${name} answered ${status}`;
  if (status === 429 || status === 409) {
    const pause = wait ?? (status === 429 ? defaultThrottleMs : undefined);
    return {
      kind: 'retry',
      reason,
      isBusy: true,
      ...(pause === undefined ? {} : { retryAfterMs: pause }),
    };
  }
  if (status === 503) {
    return { kind: 'retry', reason, ...(wait === undefined ? {} : { retryAfterMs: wait }) };
  }
  // Who knows how far it came; a hook cannot be asked.
  if (status >= 500) return { kind: 'unknown', reason: `${reason}.` };
  return { kind: 'rejected', reason: `${name} refused it (${status}).` };
}

/** Null: no body. Undefined: it is not JSON. */
function parsed(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function clean(text: string, hidden: readonly string[]): string {
  return redactText(text, hidden, messageLimit);
}
