import type { LookupResult, Observation, TriggerOutcome } from '../../core/backend.js';
import type { Failure, FailureKind } from './api.js';

const ofCredential: ReadonlySet<FailureKind> = new Set(['unauthorized', 'forbidden']);
/** Their host answered well, so no breaker should count it. */
const ofOthers: ReadonlySet<FailureKind> = new Set(['limited', 'busy']);

const mayNotDeploy =
  'To deploy, the token also needs the scope app:update; put such a token into the connection, then resume automatic deploys.';

export function isCredentialRefused({ why }: Failure): boolean {
  return ofCredential.has(why);
}

/**
 * @param mayHaveStarted the failed call was the one that starts a deployment. Then nothing but a plain refusal says for sure that
 *   nothing was started: a gateway's 502 and 504 can come after the request went through.
 */
export function failedTrigger(failure: Failure, mayHaveStarted: boolean): TriggerOutcome {
  const { why, retryAfterMs } = failure;
  const reason = `${failure.reason}.`;
  // The app could be read just before: the token is good, and other targets' deployments are still followed with it.
  if (why === 'forbidden' && mayHaveStarted) {
    return { kind: 'rejected', reason: `${reason} ${mayNotDeploy}` };
  }
  if (isCredentialRefused(failure)) return { kind: 'rejected', reason, needsReconnect: true };
  if (why === 'missing' || why === 'refused') return { kind: 'rejected', reason };
  if (mayHaveStarted && (why === 'no_answer' || why === 'odd' || why === 'down')) {
    return { kind: 'unknown', reason };
  }
  return {
    kind: 'retry',
    reason: failure.reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(ofOthers.has(why) ? { isBusy: true } : {}),
  };
}

export function failedLookup(failure: Failure): LookupResult {
  const undecided = { kind: 'undecided', reason: failure.reason } as const;
  return isCredentialRefused(failure) ? { ...undecided, needsReconnect: true } : undecided;
}

export function failedObservation(failure: Failure): Observation {
  const { why, retryAfterMs } = failure;
  const reason = `${failure.reason}.`;
  if (why === 'unauthorized') return { state: 'unchanged', reason, needsReconnect: true };
  if (why === 'missing') {
    const gone = 'DigitalOcean no longer knows this deployment or its app; look there.';
    return { state: 'stopped', reason: gone };
  }
  return { state: 'unchanged', pollAfterMs: Math.min(retryAfterMs ?? 10_000, 300_000) };
}
