import type {
  CancelResult,
  CheckProblem,
  Observation,
  TriggerOutcome,
} from '../../core/backend.js';
import type { Answer } from './send.js';

type Answered = Extract<Answer, { kind: 'answered' }>;

/** When a 429 does not say (reference/deploy-backends.md §5). */
const defaultThrottleMs = 60_000;
const timing: ReadonlySet<number> = new Set([408, 425, 429]);

/** The table of reference/deploy-backends.md §3.2 and §5. */
export function readTriggerAnswer(answer: Answer, deploymentId: string): TriggerOutcome {
  switch (answer.kind) {
    case 'not_sent':
      return answer.isRefused ? rejected(answer.reason) : retry(answer.reason);
    case 'no_answer':
      return { kind: 'unknown', reason: answer.reason };
    case 'answered':
      return isSuccess(answer) ? accepted(answer, deploymentId) : refused(answer);
  }
}

function accepted(answer: Answered, deploymentId: string): TriggerOutcome {
  const { status, body, isPage } = answer;
  if (isPage) return rejected(`It answered with a web page (${status}): ${wrongAddress}`);
  if (body.strangeState !== undefined) {
    return rejected(`It answered with a state that we do not know: ${body.strangeState}.`);
  }
  const outcome = { kind: 'accepted', backendRef: body.externalId ?? deploymentId } as const;
  const observation = observationIn(answer);
  return observation === null ? outcome : { ...outcome, observation };
}

/** Null: the answer says nothing of the deployment beyond having it. */
export function observationIn({ status, body }: Answered): Observation | null {
  if (status === 204) {
    const reason = 'Handed to the receiver; it does not report the result.';
    return { state: 'handed_off', reason };
  }
  const { state, url, message } = body;
  if (state === undefined && url === undefined) return null;
  const isEnd = state === 'failed' || state === 'stopped';
  return {
    state: state ?? 'queued',
    ...(url === undefined ? {} : { url }),
    ...(isEnd && message !== undefined ? { reason: message } : {}),
  };
}

function refused(answer: Answered): TriggerOutcome {
  const { status } = answer;
  const said = saidBy(answer);
  if (status < 400) return rejected(`It redirects (${status}); ${finalAddress}`);
  if (status === 401 || status === 403) return rejected(`${distrust(status)}${said}`, true);
  if (status === 409) {
    const reason = `the receiver is busy with this target (409)${said}`;
    return retry(reason, answer.retryAfterMs, true);
  }
  if (status === 410) return rejected(`The receiver wants no more deployments (410)${said}`);
  if (timing.has(status) || status >= 500) {
    const wait = answer.retryAfterMs ?? (status === 429 ? defaultThrottleMs : undefined);
    return retry(`the receiver answered ${status}${said}`, wait, status === 429);
  }
  return rejected(`The receiver refused it (${status})${said}`);
}

function rejected(reason: string, needsReconnect = false): TriggerOutcome {
  return { kind: 'rejected', reason, ...(needsReconnect ? { needsReconnect } : {}) };
}

function retry(reason: string, retryAfterMs?: number, isBusy = false): TriggerOutcome {
  return {
    kind: 'retry',
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(isBusy ? { isBusy } : {}),
  };
}

export function readPingAnswer(answer: Answer): CheckProblem | null {
  if (answer.kind !== 'answered') return { field: 'url', message: sentence(answer.reason) };
  const { status } = answer;
  if (answer.isPage && isSuccess(answer)) {
    return { field: 'url', message: `It answered with a web page (${status}): ${wrongAddress}` };
  }
  if (isSuccess(answer)) return null;
  if (status < 400) return { field: 'url', message: `It redirects (${status}); ${finalAddress}` };
  const said = saidBy(answer);
  if (status === 401 || status === 403) {
    return { field: 'secret', message: sentence(`${distrust(status)}${said}`) };
  }
  const message = `It answered ${status} to target.ping, but has to answer 2xx without deploying${said}`;
  return { field: 'url', message: sentence(message) };
}

export function readCancelAnswer(answer: Answer): CancelResult {
  if (answer.kind !== 'answered') return { kind: 'failed', reason: answer.reason };
  if (isSuccess(answer)) return { kind: 'cancelled' };
  if (answer.status === 409) return { kind: 'too_late' };
  return { kind: 'failed', reason: `the receiver answered ${answer.status}${saidBy(answer)}` };
}

export function isSuccess({ status }: Answered): boolean {
  return status >= 200 && status < 300;
}

const wrongAddress = 'is this the address of the receiver?';
const finalAddress = 'enter the address it leads to.';

function distrust(status: number): string {
  return `The receiver does not accept our signature (${status}); does it have the same secret?`;
}

function saidBy({ body }: Answered): string {
  return body.message === undefined ? '' : `: ${body.message}`;
}

function sentence(text: string): string {
  const capital = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.?!…]$/.test(capital) ? capital : `${capital}.`;
}
