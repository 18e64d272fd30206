import type {
  Backend,
  BackendDeployment,
  CancelResult,
  LookupResult,
  Observation,
  TriggerOutcome,
} from '../core/backend.js';
import {
  builtAnother,
  settleLookup,
  settleObservation,
  settleTrigger,
  type Settlement,
  type StepFacts,
} from '../core/delivery/settle.js';
import { SlipwayError } from '../core/errors.js';
import type { Attempt } from '../core/model/index.js';
import { ExchangeRecorder } from './keep-exchange.js';
import { openForCall } from './open-target.js';
import { wakeSpreadMs, type CallStep } from './plan-lanes.js';
import type { LaneDeps } from './step-lane.js';
import { triggerDeployment, type Triggered } from './trigger-deployment.js';

/** A backend that does not answer within this is `unknown` (trigger) or asked again later (the rest). */
const callTimeoutMs = 15_000;

export interface Called {
  settlement: Settlement;
  /** As it is to be finished; null when the step made no attempt worth keeping. */
  attempt: Attempt | null;
}

/**
 * Makes the one call of a step and says what follows. Trouble of our own (a master key that is missing, a database that is away)
 * costs the deployment nothing but time.
 */
export async function callBackend(step: CallStep, deps: LaneDeps): Promise<Called> {
  try {
    return await call(step, deps);
  } catch (error) {
    deps.logger.error(
      { deployment: step.deployment.id, step: step.kind, err: error },
      'lane.trouble',
    );
    const reason = error instanceof SlipwayError ? error.message : 'Slipway had trouble of its own';
    const facts = { now: deps.clock(), random: deps.random(), failures: step.failures };
    if (step.kind !== 'trigger') {
      const undecided = { kind: 'undecided', reason } as const;
      return { settlement: settleLookup(step.deployment, undecided, '', facts), attempt: null };
    }
    const can = { observe: true, backendLabel: '' };
    return {
      settlement: settleTrigger(step.deployment, { kind: 'retry', reason }, can, facts),
      attempt: finished(step.attempt, 'retry', reason, deps),
    };
  }
}

async function call(step: CallStep, deps: LaneDeps): Promise<Called> {
  const { deployment } = step;
  const backend = deps.backend(step.target.backend);
  const facts = (): StepFacts => ({
    now: deps.clock(),
    random: deps.random(),
    failures: step.failures,
  });
  if (!backend) {
    const outcome: TriggerOutcome = {
      kind: 'retry',
      reason: `the backend "${step.target.backend}" is switched off on this server`,
    };
    const can = { observe: false, backendLabel: step.target.backend };
    return { settlement: settleTrigger(deployment, outcome, can, facts()), attempt: null };
  }
  const recorder = new ExchangeRecorder();
  switch (step.kind) {
    case 'trigger': {
      const triggered = await triggerDeployment(step, backend, recorder, deps, signal());
      await tellBreaker(step, triggered, deps);
      const { outcome } = triggered;
      const can = {
        observe: backend.observe !== undefined,
        backendLabel: backend.label,
        connection: step.target.connectionId !== null,
      };
      const settlement = settleTrigger(deployment, outcome, can, facts());
      // Only what a push would meet again is a reason to pause; a release that was pruned is not.
      if (step.attempt.kind === 'rollback') delete settlement.pauseTarget;
      const attempt = finished(step.attempt, outcome.kind, reasonOf(outcome), deps, recorder);
      return { settlement, attempt };
    }
    case 'lookup': {
      const result = await lookUp(step, backend, recorder, deps);
      const settlement = settleLookup(deployment, result, backend.label, facts());
      const found = result.kind === 'found' || result.kind === 'absent' ? result.kind : 'unknown';
      const attempt = finished(step.attempt, found, reasonOf(result), deps, recorder);
      return { settlement, attempt };
    }
    case 'cancel': {
      const result = await askToCancel(step, backend, recorder, deps);
      const seen = await observe(step, backend, deps);
      const attempt = finished(step.attempt, result.kind, reasonOf(result), deps, recorder);
      return { settlement: settleSeen(step, seen, facts()), attempt };
    }
    case 'observe': {
      const seen = await observe(step, backend, deps);
      return { settlement: settleSeen(step, seen, facts()), attempt: null };
    }
  }
}

/** A host that answers again has its waiting lanes woken, spread so that they do not knock it over at once. */
async function tellBreaker(
  { host, target }: CallStep,
  { outcome, called }: Triggered,
  deps: LaneDeps,
): Promise<void> {
  if (host === null) return;
  if (!called) {
    deps.breakers.forgo(host);
    return;
  }
  const now = deps.clock();
  const failed = outcome.kind === 'unknown' || (outcome.kind === 'retry' && !outcome.isBusy);
  const woken = deps.breakers.record(host, target.id, failed, now);
  if (woken.length === 0) return;
  deps.logger.info({ host, lanes: woken.length }, 'breaker.closed');
  await deps.storage.write(async (tx) => {
    for (let part = 0; part < wakeParts; part += 1) {
      const lanes = woken.filter((_, index) => index % wakeParts === part);
      await tx.lanes.wake(lanes, now + (part * wakeSpreadMs) / wakeParts);
    }
  });
}

const wakeParts = 40;

function signal(): AbortSignal {
  return AbortSignal.timeout(callTimeoutMs);
}

async function backendDeployment(
  { target, deployment }: CallStep,
  deps: LaneDeps,
  recorder?: ExchangeRecorder,
): Promise<BackendDeployment> {
  const { id: deploymentId, backendRef, commit, cause } = deployment;
  return {
    deploymentId,
    target: await openForCall(target, deps, recorder),
    ...{ backendRef, commit },
    ...(cause === 'rollback' ? { isRollback: true } : {}),
    ...(recorder && { record: recorder.record }),
  };
}

function settleSeen(
  { deployment, live }: CallStep,
  seen: Observation,
  facts: StepFacts,
): Settlement {
  if (!builtAnother(seen, deployment)) return settleObservation(deployment, seen, facts);
  return settleObservation(deployment, seen, facts, live && (live.builtCommit ?? live.commit));
}

async function sentTimes(
  { deployment }: CallStep,
  deps: LaneDeps,
): Promise<Pick<BackendDeployment, 'sent'>> {
  const attempts = await deps.storage.read.attempts.ofDeployments([deployment.id]);
  const times = attempts
    .filter(({ kind }) => kind === 'trigger' || kind === 'rollback')
    .map(({ startedAt }) => startedAt);
  if (times.length === 0) return {};
  return { sent: { first: Math.min(...times), last: Math.max(...times) } };
}

async function lookUp(
  step: CallStep,
  backend: Backend,
  recorder: ExchangeRecorder,
  deps: LaneDeps,
): Promise<LookupResult | { kind: 'no_lookup' }> {
  if (!backend.lookup) return { kind: 'no_lookup' };
  try {
    const asked = await backendDeployment(step, deps, recorder);
    return await backend.lookup({ ...asked, ...(await sentTimes(step, deps)) }, signal());
  } catch (error) {
    deps.logger.warn({ deployment: step.deployment.id, err: error }, 'backend.lookup_failed');
    return { kind: 'undecided', reason: 'the look-up failed' };
  }
}

/** A backend that cannot be asked now is asked again later: not knowing is no reason to call a deployment failed. */
async function observe(step: CallStep, backend: Backend, deps: LaneDeps): Promise<Observation> {
  if (!backend.observe) return { state: 'unchanged' };
  try {
    return await backend.observe(await backendDeployment(step, deps), signal());
  } catch (error) {
    deps.logger.warn({ deployment: step.deployment.id, err: error }, 'backend.observe_failed');
    return { state: 'unchanged' };
  }
}

async function askToCancel(
  step: CallStep,
  backend: Backend,
  recorder: ExchangeRecorder,
  deps: LaneDeps,
): Promise<CancelResult> {
  if (!backend.cancel) return { kind: 'too_late' };
  try {
    const result = await backend.cancel(await backendDeployment(step, deps, recorder), signal());
    deps.logger.info({ deployment: step.deployment.id, result: result.kind }, 'backend.cancel');
    return result;
  } catch (error) {
    deps.logger.warn({ deployment: step.deployment.id, err: error }, 'backend.cancel_failed');
    return { kind: 'failed', reason: 'the backend could not be asked' };
  }
}

function finished(
  attempt: Attempt,
  outcome: Attempt['outcome'],
  detail: string | null,
  deps: LaneDeps,
  recorder?: ExchangeRecorder,
): Attempt {
  const exchanges = recorder?.kept() ?? null;
  return { ...attempt, finishedAt: deps.clock(), outcome, detail, exchanges };
}

function reasonOf(
  outcome: TriggerOutcome | LookupResult | CancelResult | { kind: 'no_lookup' },
): string | null {
  return 'reason' in outcome ? outcome.reason : null;
}
