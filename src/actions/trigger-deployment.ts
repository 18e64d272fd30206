import type { Backend, TriggerOutcome, TriggerRequest } from '../core/backend.js';
import { BitbucketError } from '../core/errors.js';
import type { Repository } from '../core/model/index.js';
import type { LaneDeps } from './step-lane.js';
import type { ExchangeRecorder } from './keep-exchange.js';
import { noteCredential } from './note-credential.js';
import type { CallStep } from './plan-lanes.js';
import { openForCall } from './open-target.js';

type TriggerStep = Extract<CallStep, { kind: 'trigger' }>;

export interface Triggered {
  outcome: TriggerOutcome;
  /** False: something was missing on our side or Bitbucket's, and the backend was not called. */
  called: boolean;
}

/** Hands one deployment to its backend, once. The outcome is a value whatever happens. */
export async function triggerDeployment(
  step: TriggerStep,
  backend: Backend,
  recorder: ExchangeRecorder,
  deps: LaneDeps,
  signal: AbortSignal,
): Promise<Triggered> {
  if (step.deployment.cause === 'rollback') {
    return rollBack(step, backend, recorder, deps, signal);
  }
  const { repository } = step;
  if (!repository || repository.state === 'deleted') {
    return notCalled({ kind: 'rejected', reason: 'The repository no longer exists in Bitbucket.' });
  }
  const refused = await missingCredential(repository, deps);
  if (refused) return notCalled(refused);
  const { live } = step;
  const previousCommit = live && (live.builtCommit ?? live.commit);
  const asked = { ...(await request(step, repository, recorder, deps)), previousCommit };
  return sent(step, deps, () => backend.trigger(asked, signal));
}

/** Asked before the backend is: a Bitbucket that gives no credential is a reason to wait, not a failed deployment. */
async function missingCredential(
  repository: Repository,
  deps: LaneDeps,
): Promise<TriggerOutcome | null> {
  try {
    await deps.bitbucket.cloneCredential(repository);
    return null;
  } catch (error) {
    if (!(error instanceof BitbucketError)) throw error;
    return {
      kind: 'retry',
      reason: `no clone credential (${error.message})`,
      ...(error.retryAfterMs === null ? {} : { retryAfterMs: error.retryAfterMs }),
    };
  }
}

/** From here on the call may have reached the backend, so a thrown error means that nobody knows. */
async function sent(
  step: TriggerStep,
  deps: LaneDeps,
  call: () => Promise<TriggerOutcome>,
): Promise<Triggered> {
  try {
    return { outcome: await call(), called: true };
  } catch (error) {
    deps.logger.error({ deployment: step.deployment.id, err: error }, 'backend.trigger_threw');
    const reason = 'The backend did not answer as it should.';
    return { outcome: { kind: 'unknown', reason }, called: true };
  }
}

function notCalled(outcome: TriggerOutcome): Triggered {
  return { outcome, called: false };
}

async function request(
  step: TriggerStep,
  repository: Repository,
  recorder: ExchangeRecorder,
  deps: LaneDeps,
): Promise<Omit<TriggerRequest, 'previousCommit'>> {
  const { deployment } = step;
  return {
    deploymentId: deployment.id,
    target: await openForCall(step.target, deps, recorder),
    record: recorder.record,
    backendRef: deployment.backendRef,
    commit: deployment.commit,
    idempotencyKey: deployment.id,
    fencing: step.lease.fencing,
    repository: {
      uuid: repository.uuid,
      fullName: repository.fullName,
      cloneUrl: deps.bitbucket.cloneUrl(repository),
    },
    refType: deployment.refType,
    refName: deployment.refName,
    message: deployment.message,
    author: deployment.author,
    cause: deployment.cause,
    causedBy: deployment.causedBy,
    attempt: step.attempt.number,
    async cloneCredential(options) {
      const credential = await deps.bitbucket.cloneCredential(repository, options);
      recorder.hide(credential.password);
      await noteCredential(deployment, credential, deps.storage);
      return credential;
    },
  };
}

async function rollBack(
  step: TriggerStep,
  backend: Backend,
  recorder: ExchangeRecorder,
  deps: LaneDeps,
  signal: AbortSignal,
): Promise<Triggered> {
  const { deployment } = step;
  const earlier = step.rollbackOf;
  const toBackendRef = earlier?.backendRef ?? null;
  if (!backend.rollback || !earlier || toBackendRef === null) {
    return notCalled({ kind: 'rejected', reason: 'That release cannot be switched back to.' });
  }
  const rollback = backend.rollback.bind(backend);
  const asked = {
    deploymentId: deployment.id,
    target: await openForCall(step.target, deps, recorder),
    record: recorder.record,
    backendRef: deployment.backendRef,
    commit: deployment.commit,
    idempotencyKey: deployment.id,
    fencing: step.lease.fencing,
    toDeploymentId: earlier.id,
    toBackendRef,
  };
  return sent(step, deps, () => rollback(asked, signal));
}
