import type {
  Backend,
  BackendDeployment,
  CancelResult,
  LookupResult,
  Observation,
  TriggerOutcome,
} from '../core/backend.js';
import type { Breakers } from '../core/delivery/breaker.js';
import {
  builtAnother,
  settleLookup,
  settleObservation,
  settleTrigger,
  type Settlement,
  type StepFacts,
} from '../core/delivery/settle.js';
import { SlipwayError } from '../core/errors.js';
import type { Attempt, LaneLease } from '../core/model/index.js';
import type { Bitbucket, Clock, Ids, Logger, Storage, Vault } from '../core/ports.js';
import { askBitbucket, settleCheck } from './check-deployment.js';
import type { RoutingFacts } from '../core/routing/decide.js';
import { ExchangeRecorder } from './keep-exchange.js';
import { openForCall } from './open-target.js';
import { planStep, wakeSpreadMs, type Step } from './plan-step.js';
import type { StatusDeps } from './record-status.js';
import { applySettlement } from './settle-step.js';
import { triggerDeployment, type Triggered } from './trigger-deployment.js';

export interface LaneDeps extends StatusDeps {
  storage: Storage;
  bitbucket: Pick<Bitbucket, 'cloneUrl' | 'cloneCredential' | 'head' | 'changedPaths'>;
  routing: LaneRouting;
  breakers: Breakers;
  vault: Vault;
  /** Null when the operator switched it off. */
  backend(id: string): Backend | null;
  clock: Clock;
  ids: Ids;
  random(): number;
  logger: Logger;
}

export interface LaneRouting {
  matches: RoutingFacts['matches'];
  matchesPath: RoutingFacts['matches'];
  backendFacts(backendId: string): RoutingFacts['backend'];
}

/** A backend that does not answer within this is `unknown` (trigger) or asked again later (the rest). */
const callTimeoutMs = 15_000;

/**
 * One step of a lane under a lease: plan (stored), call the backend, settle (stored, guarded by the lease). Whatever kills
 * the process in between, the next holder of the lane goes on from what is stored.
 */
export async function stepLane(lease: LaneLease, deps: LaneDeps): Promise<void> {
  const step = await deps.storage.write((tx) => planStep(tx, lease, deps));
  if (step.kind === 'none') {
    if (step.why === 'lease_lost') deps.logger.warn({ target: lease.targetId }, 'lane.lease_lost');
    return;
  }
  if (step.kind === 'check') {
    const answer = await askBitbucket(step, deps);
    await deps.storage.write((tx) => settleCheck(tx, lease, step, answer, deps));
    deps.logger.info(
      { target: step.target.id, deployment: step.deployment.id, check: answer.kind },
      'lane.checked',
    );
    return;
  }
  const beganAt = deps.clock();
  const { settlement, attempt } = await performSafely(step, lease, deps);
  const held = await deps.storage.write((tx) =>
    applySettlement(tx, lease, { ...step, beganAt }, settlement, attempt, deps),
  );
  // A build that goes on as before is no news: at 3 a.m. every line must say something.
  const isNews = step.kind !== 'observe' || settlement.deployment.state !== step.deployment.state;
  deps.logger[isNews ? 'info' : 'debug'](
    {
      target: step.target.id,
      deployment: step.deployment.id,
      commit: step.deployment.commit,
      step: step.kind,
      state: settlement.deployment.state ?? step.deployment.state,
      ...(attempt ? { outcome: attempt.outcome, attempt: attempt.number } : {}),
      ...(settlement.deployment.reason ? { reason: settlement.deployment.reason } : {}),
      ...(held ? {} : { noop: 'lease_lost' }),
    },
    'lane.stepped',
  );
}

type Working = Exclude<Step, { kind: 'none' | 'check' }>;

interface Performed {
  settlement: Settlement;
  /** As it is to be finished; null when the step made no attempt worth keeping. */
  attempt: Attempt | null;
}

/** Trouble of our own (a master key that is missing, a database that is away) costs the deployment nothing but time. */
async function performSafely(step: Working, lease: LaneLease, deps: LaneDeps): Promise<Performed> {
  try {
    return await perform(step, lease, deps);
  } catch (error) {
    deps.logger.error(
      { deployment: step.deployment.id, step: step.kind, err: error },
      'lane.trouble',
    );
    const reason = error instanceof SlipwayError ? error.message : 'Slipway had trouble of its own';
    const facts = { now: deps.clock(), random: deps.random(), failures: step.failures };
    if (step.kind !== 'trigger') {
      return {
        settlement: settleLookup(step.deployment, { kind: 'undecided', reason }, '', facts),
        attempt: null,
      };
    }
    const can = { observe: true, backendLabel: '' };
    return {
      settlement: settleTrigger(step.deployment, { kind: 'retry', reason }, can, facts),
      attempt: finished(step.attempt, 'retry', reason, deps),
    };
  }
}

async function perform(step: Working, lease: LaneLease, deps: LaneDeps): Promise<Performed> {
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
    return { settlement: settleTrigger(step.deployment, outcome, can, facts()), attempt: null };
  }
  switch (step.kind) {
    case 'trigger': {
      const recorder = new ExchangeRecorder();
      const triggered = await triggerDeployment(step, lease, backend, recorder, deps, signal());
      await tellBreaker(step, backend, triggered, deps);
      const { outcome } = triggered;
      const can = {
        observe: backend.observe !== undefined,
        backendLabel: backend.label,
        connection: step.target.connectionId !== null,
      };
      const settlement = settleTrigger(step.deployment, outcome, can, facts());
      // Only what a push would meet again is a reason to pause; a release that was pruned is not.
      if (step.attempt.kind === 'rollback') delete settlement.pauseTarget;
      const attempt = finished(step.attempt, outcome.kind, reasonOf(outcome), deps, recorder);
      return { settlement, attempt };
    }
    case 'lookup': {
      const recorder = new ExchangeRecorder();
      const result = await lookUp(step, backend, recorder, deps);
      const settlement = settleLookup(step.deployment, result, backend.label, facts());
      const found = result.kind === 'found' || result.kind === 'absent' ? result.kind : 'unknown';
      return {
        settlement,
        attempt: finished(step.attempt, found, reasonOf(result), deps, recorder),
      };
    }
    case 'cancel': {
      const recorder = new ExchangeRecorder();
      const result = await askToCancel(step, backend, recorder, deps);
      const seen = await observe(step, backend, deps);
      const attempt = finished(step.attempt, result.kind, reasonOf(result), deps, recorder);
      return { settlement: await settleSeen(step, seen, facts(), deps), attempt };
    }
    case 'observe': {
      const seen = await observe(step, backend, deps);
      return { settlement: await settleSeen(step, seen, facts(), deps), attempt: null };
    }
  }
}

/** A host that answers again has its waiting lanes woken, spread so that they do not knock it over at once. */
async function tellBreaker(
  step: Extract<Working, { kind: 'trigger' }>,
  backend: Backend,
  { outcome, called }: Triggered,
  deps: LaneDeps,
): Promise<void> {
  const host = backend.host?.(step.target.settings);
  if (host === undefined) return;
  if (!called) {
    deps.breakers.forgo(host);
    return;
  }
  const now = deps.clock();
  const failed = outcome.kind === 'unknown' || (outcome.kind === 'retry' && !outcome.isBusy);
  const woken = deps.breakers.record(host, step.target.id, failed, now);
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
  step: Working,
  deps: LaneDeps,
  recorder?: ExchangeRecorder,
): Promise<BackendDeployment> {
  const { id: deploymentId, backendRef, commit, cause } = step.deployment;
  return {
    deploymentId,
    target: await openForCall(step.target, deps, recorder),
    ...{ backendRef, commit },
    ...(cause === 'rollback' ? { isRollback: true } : {}),
    ...(recorder && { record: recorder.record }),
  };
}

async function settleSeen(
  { deployment, target }: Working,
  seen: Observation,
  facts: StepFacts,
  deps: LaneDeps,
): Promise<Settlement> {
  if (!builtAnother(seen, deployment)) return settleObservation(deployment, seen, facts);
  const live = target.liveDeploymentId
    ? await deps.storage.read.deployments.byId(target.liveDeploymentId)
    : null;
  const liveCommit = live && (live.builtCommit ?? live.commit);
  return settleObservation(deployment, seen, facts, liveCommit);
}

async function sentTimes(
  { deployment }: Working,
  deps: LaneDeps,
): Promise<Pick<BackendDeployment, 'sent'>> {
  const attempts = await deps.storage.read.attempts.ofDeployment(deployment.id);
  const times = attempts
    .filter(({ kind }) => kind === 'trigger' || kind === 'rollback')
    .map(({ startedAt }) => startedAt);
  if (times.length === 0) return {};
  return { sent: { first: Math.min(...times), last: Math.max(...times) } };
}

async function lookUp(
  step: Working,
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
async function observe(step: Working, backend: Backend, deps: LaneDeps): Promise<Observation> {
  if (!backend.observe) return { state: 'unchanged' };
  try {
    return await backend.observe(await backendDeployment(step, deps), signal());
  } catch (error) {
    deps.logger.warn({ deployment: step.deployment.id, err: error }, 'backend.observe_failed');
    return { state: 'unchanged' };
  }
}

async function askToCancel(
  step: Working,
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
