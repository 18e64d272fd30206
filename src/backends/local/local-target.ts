import type {
  CancelResult,
  CheckProblem,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import type { Logger } from '../../core/ports.js';
import { buildRelease } from './build-release.js';
import type { LocalContext } from './context.js';
import { carryOut, tidy, type Work } from './carry-out.js';
import { diskSentence, type StopCause } from './deploy-failure.js';
import { DeploymentRun } from './deployment-run.js';
import { removeTree } from './lock-tree.js';
import { Mutex } from './mutex.js';
import { observeRecord, observeRun } from './observations.js';
import { isPlainId } from './paths.js';
import { isRunning, type DeploymentRecord, type ReleaseFacts } from './records.js';
import { recoverTarget } from './recover-target.js';
import { killUser } from '../../lib/run-command.js';
import { Serving } from './serving.js';
import { readSettings, type LocalSettings } from './settings.js';
import { TargetStore } from './target-store.js';

type Order = Pick<
  TriggerRequest,
  'deploymentId' | 'idempotencyKey' | 'fencing' | 'commit' | 'target'
>;
interface Running {
  run: DeploymentRun;
  done: Promise<void>;
}

/** One target on this machine: at most one deployment at a time, and what it serves. */
export class LocalTarget {
  readonly id: string;
  readonly store: TargetStore;
  readonly serving: Serving;
  readonly #context: LocalContext;
  readonly #logger: Logger;
  readonly #turn = new Mutex();
  #running: Running | null = null;
  #isResumed = false;
  #isClosing = false;

  private constructor(context: LocalContext, store: TargetStore, id: string, logger: Logger) {
    this.id = id;
    this.store = store;
    this.#context = context;
    this.#logger = logger;
    this.serving = new Serving(context, store, logger);
  }

  static async open(context: LocalContext, targetId: string): Promise<LocalTarget> {
    const logger = context.options.logger.child({ target: targetId });
    const store = await TargetStore.open(context, targetId);
    await recoverTarget(store, context.options.clock, logger);
    return new LocalTarget(context, store, targetId, logger);
  }

  /** Serves the current release again. Once; later calls do nothing. */
  async resume(settings: LocalSettings): Promise<void> {
    if (this.#isResumed || this.#isClosing) return;
    const current = await this.store.releases.current();
    const release = current === null ? null : await this.store.releases.facts(current.name);
    if (release !== null) {
      await this.serving.listen(true);
      await this.serving.resume(release, settings);
    }
    this.#isResumed = true;
  }

  trigger(request: TriggerRequest): Promise<TriggerOutcome> {
    return this.#begin(request, 'build', async (run, settings) => {
      const isWaiting = this.#context.buildSlots.isFull;
      if (isWaiting) run.step('Waiting for another build on this machine', 0, null);
      const giveBack = await this.#context.buildSlots.acquire(run.signal);
      if (giveBack === null) return null;
      try {
        await run.update({ state: 'building', startedAt: this.#context.options.clock() });
        return await buildRelease({
          context: this.#context,
          store: this.store,
          run,
          request,
          settings,
        });
      } finally {
        giveBack();
      }
    });
  }

  async rollback(request: RollbackRequest): Promise<TriggerOutcome> {
    // In turn: the releases may just be pruned.
    const release = await this.#turn.run(() => this.#releaseOf(request.toBackendRef));
    if (release === null && (await this.#isKnown(request.deploymentId))) {
      return { kind: 'accepted', backendRef: request.deploymentId };
    }
    if (release === null) {
      const { keepReleases } = this.#context.limits;
      const reason = `That release is no longer kept: the newest ${keepReleases} are. Redeploy its commit instead.`;
      return { kind: 'rejected', reason };
    }
    return this.#begin({ ...request, commit: release.commit }, 'rollback', async (run) => {
      run.step(`Switching back to commit ${release.commit.slice(0, 7)}`, 0, 1);
      await run.update({ startedAt: this.#context.options.clock() });
      return release;
    });
  }

  async observe(deploymentId: string): Promise<Observation> {
    const { url } = this.serving;
    const running = this.#runOf(deploymentId);
    if (running !== null) return observeRun(running.run);
    const record = await this.#recordNow(deploymentId);
    if (record === null) return { state: 'queued', lost: true };
    return observeRecord(record, url);
  }

  async lookup(deploymentId: string): Promise<LookupResult> {
    const isKnown = await this.#isKnown(deploymentId);
    return isKnown ? { kind: 'found', backendRef: deploymentId } : { kind: 'absent' };
  }

  async cancel(deploymentId: string): Promise<CancelResult> {
    const running = this.#runOf(deploymentId);
    if (running !== null) {
      if (!running.run.stop('cancelled')) return { kind: 'too_late' };
      await running.done;
      const { state } = running.run.record;
      return state === 'stopped' ? { kind: 'cancelled' } : { kind: 'too_late' };
    }
    const record = await this.#recordNow(deploymentId);
    if (record === null || record.state === 'stopped') return { kind: 'cancelled' };
    if (record.state !== 'interrupted' && !isRunning(record.state)) return { kind: 'too_late' };
    await this.store.saveRecord({ ...record, state: 'stopped', reason: 'It was cancelled.' });
    return { kind: 'cancelled' };
  }

  /** Ends what runs, then what serves. */
  async close(cause: StopCause): Promise<void> {
    this.#isClosing = true;
    await this.#turn.run(async () => {
      const running = this.#running;
      running?.run.stop(cause);
      await running?.done;
      await this.serving.close(this.#context.limits.stopGraceMs);
    });
  }

  async remove(): Promise<void> {
    await this.close('removed');
    const { fetch, build, apps } = this.store.users;
    for (const user of [fetch, build, ...apps]) if (user !== null) await killUser(user);
    await removeTree(this.store.paths.folder);
    const { firstUid } = this.store.state;
    if (firstUid !== null) await this.#context.users?.release(firstUid, this.store.paths.folder);
  }

  /** Accepts or refuses; the work itself goes on after the answer. */
  #begin(order: Order, kind: DeploymentRecord['kind'], work: Work): Promise<TriggerOutcome> {
    return this.#turn.run(async () => {
      const refusal = this.#refusal(order);
      if (refusal !== null) return { kind: 'rejected', reason: refusal };
      const accepted: TriggerOutcome = { kind: 'accepted', backendRef: order.deploymentId };
      if (await this.#isKnown(order.deploymentId)) return accepted;
      const reading = readSettings(order.target);
      if (!reading.ok) return { kind: 'rejected', reason: settingsSentence(reading.problems) };
      if (this.#isClosing) return { kind: 'retry', reason: 'Slipway is stopping.' };
      if (this.#running !== null) {
        const reason = 'Another deployment of this target is still running.';
        return { kind: 'retry', reason, retryAfterMs: 5000 };
      }
      try {
        if (order.fencing > this.store.state.fencing) {
          await this.store.update({ fencing: order.fencing });
        }
        await this.#resumeIfPossible(reading.settings);
        await this.#start(order, kind, reading.settings, work);
      } catch (error) {
        const reason = diskSentence(error);
        if (reason === null) throw error;
        return { kind: 'retry', reason };
      }
      return accepted;
    });
  }

  #refusal(order: Order): string | null {
    if (!isPlainId(order.deploymentId)) return 'The id of this deployment cannot be used here.';
    // It becomes an argument of git, so it must be nothing else.
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(order.commit))
      return 'This is not a whole commit hash.';
    if (order.fencing < this.store.state.fencing)
      return 'A newer worker has taken over this target.';
    return null;
  }

  /** Running or over. One that was interrupted (or whose end could not be written) is begun again. */
  async #isKnown(deploymentId: string): Promise<boolean> {
    if (this.#runOf(deploymentId) !== null) return true;
    const record = await this.#recordNow(deploymentId);
    return record !== null && record.state !== 'interrupted' && !isRunning(record.state);
  }

  /** The switch is the truth: a disk that was full right after it left the record behind. */
  async #recordNow(deploymentId: string): Promise<DeploymentRecord | null> {
    const record = await this.store.record(deploymentId);
    if (record?.state !== 'deploying' || record.release === null) return record;
    const current = await this.store.releases.current();
    return current?.name === record.release ? { ...record, state: 'live' } : record;
  }

  /** An old release that cannot be served any more is no reason against a new one. */
  async #resumeIfPossible(settings: LocalSettings): Promise<void> {
    try {
      await this.resume(settings);
    } catch (error) {
      this.#logger.error({ err: error }, 'local.target_not_served');
    }
  }

  async #start(
    order: Order,
    kind: DeploymentRecord['kind'],
    settings: LocalSettings,
    work: Work,
  ): Promise<void> {
    const record: DeploymentRecord = {
      version: 1,
      deploymentId: order.deploymentId,
      targetId: this.id,
      idempotencyKey: order.idempotencyKey,
      kind,
      commit: order.commit,
      state: 'queued',
      reason: null,
      release: null,
      logTail: [],
      process: null,
      createdAt: this.#context.options.clock(),
      startedAt: null,
      finishedAt: null,
    };
    await this.store.saveRecord(record);
    const run = new DeploymentRun(this.#context, this.store, record, settings.secretValues);
    const parts = {
      context: this.#context,
      store: this.store,
      serving: this.serving,
      logger: this.#logger,
    };
    const done = carryOut(parts, run, settings, work).finally(() => {
      this.#running = null;
      this.#context.options.notify(this.id);
    });
    // The next deployment waits for it, but nobody waits to hear how this one ended.
    void done.then(() =>
      this.#turn.run(async () => {
        if (run.record.state === 'live' && !this.#isClosing) await tidy(parts);
      }),
    );
    this.#running = { run, done };
  }

  #runOf(deploymentId: string): Running | null {
    return this.#running?.run.record.deploymentId === deploymentId ? this.#running : null;
  }

  /** A rollback's release is the one it switched to. */
  async #releaseOf(backendRef: string): Promise<ReleaseFacts | null> {
    if (!isPlainId(backendRef)) return null;
    const own = await this.store.releases.ofDeployment(backendRef);
    if (own !== null) return own;
    const record = await this.store.record(backendRef);
    return record === null || record.release === null
      ? null
      : this.store.releases.facts(record.release);
  }
}

function settingsSentence(problems: readonly CheckProblem[]): string {
  const words = problems.map(({ field, message }) =>
    field === null ? message : `${field}: ${message}`,
  );
  return `The settings need correcting. ${words.join(' ')}`;
}
