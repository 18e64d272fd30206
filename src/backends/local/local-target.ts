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
import { diskSentence, DeployFailure, reasonOf, type StopCause } from './deploy-failure.js';
import { DeploymentRun } from './deployment-run.js';
import { removeTree } from './lock-tree.js';
import { Mutex } from './mutex.js';
import { observeRecord, observeRun } from './observations.js';
import { isPlainId } from './paths.js';
import { isRunning, type DeploymentRecord, type ReleaseFacts } from './records.js';
import { markLive, recoverTarget } from './recover-target.js';
import { killUser } from './run-command.js';
import { Serving } from './serving.js';
import { readSettings, type LocalSettings } from './settings.js';
import { TargetStore } from './target-store.js';

type Order = Pick<
  TriggerRequest,
  'deploymentId' | 'idempotencyKey' | 'fencing' | 'commit' | 'target'
>;
/** What a run does: leads to a release, or to null when it was told to end. */
type Work = (run: DeploymentRun, settings: LocalSettings) => Promise<ReleaseFacts | null>;

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
    const release = await this.#releaseOf(request.toBackendRef);
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
    const record = await this.store.record(deploymentId);
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
    const record = await this.store.record(deploymentId);
    if (record === null || record.state === 'stopped') return { kind: 'cancelled' };
    if (record.state !== 'interrupted') return { kind: 'too_late' };
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
    const record = await this.store.record(deploymentId);
    return record !== null && record.state !== 'interrupted' && !isRunning(record.state);
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
    const done = this.#carryOut(run, settings, work).finally(() => {
      this.#running = null;
      this.#context.options.notify(this.id);
    });
    // The next deployment waits for it, but nobody waits to hear how this one ended.
    void done.then(() => this.#turn.run(() => this.#tidy(run)));
    this.#running = { run, done };
  }

  /** Never rejects: every end is an end of the record. */
  async #carryOut(run: DeploymentRun, settings: LocalSettings, work: Work): Promise<void> {
    try {
      const release = await work(run, settings);
      const isLive = release !== null && (await this.#switchTo(run, release, settings));
      if (!isLive) await this.#endStopped(run);
    } catch (error) {
      if (run.signal.aborted) await this.#endStopped(run);
      else await this.#endFailed(run, error);
    }
  }

  async #switchTo(
    run: DeploymentRun,
    release: ReleaseFacts,
    settings: LocalSettings,
  ): Promise<boolean> {
    const done = run.progress.done ?? 0;
    const total = run.progress.total ?? 1;
    await run.update({ state: 'deploying', release: release.name });
    run.step(
      release.kind === 'static' ? 'Switching to the new release' : 'Starting the app',
      done + 1,
      total,
    );
    if (!(await this.serving.goLive(release, settings, run))) return false;
    await markLive(this.store, run.record.deploymentId, release.name);
    run.log.note(`Live at ${this.serving.url ?? 'its address'}`);
    await run.end('live', null);
    return true;
  }

  /** After success only. A failure here costs disk space, not the deployment. */
  async #tidy(run: DeploymentRun): Promise<void> {
    if (run.record.state !== 'live' || this.#isClosing) return;
    const { keepReleases, keepRecords } = this.#context.limits;
    const { live, previousRelease } = this.store.state;
    const always = [live?.release, previousRelease].filter(
      (name) => name !== null && name !== undefined,
    );
    try {
      await this.store.releases.prune(keepReleases, always);
      await this.store.pruneRecords(keepRecords);
    } catch (error) {
      this.#logger.warn({ err: error }, 'local.prune_failed');
    }
  }

  async #endStopped(run: DeploymentRun): Promise<void> {
    if (run.stopCause === 'stopping') {
      await this.#end(run, 'interrupted', 'Slipway was stopped while it ran.');
    } else {
      const why = run.stopCause === 'removed' ? 'The target was removed.' : 'It was cancelled.';
      await this.#end(run, 'stopped', why);
    }
  }

  async #endFailed(run: DeploymentRun, error: unknown): Promise<void> {
    if (!(error instanceof DeployFailure)) {
      this.#logger.error(
        { deployment: run.record.deploymentId, err: error },
        'local.deployment_broke',
      );
    }
    await this.#end(run, 'failed', reasonOf(error));
  }

  /** On a full disk the record cannot be written; then the next start finds it unfinished. */
  async #end(
    run: DeploymentRun,
    state: 'failed' | 'stopped' | 'interrupted',
    reason: string,
  ): Promise<void> {
    try {
      await run.end(state, reason);
    } catch (error) {
      this.#logger.error(
        { deployment: run.record.deploymentId, err: error },
        'local.record_not_written',
      );
    }
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
