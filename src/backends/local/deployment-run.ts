import type { Progress } from '../../core/model/index.js';
import { BuildLog } from './build-log.js';
import type { LocalContext } from './context.js';
import type { StopCause } from './deploy-failure.js';
import { Masker } from './masker.js';
import { markOf } from './process-marks.js';
import type { DeploymentRecord } from './records.js';
import type { TargetStore } from './target-store.js';
import { throttled } from './throttle.js';

/** One deployment while it runs: its record, its log, how far it is, and the way to end it. */
export class DeploymentRun {
  readonly masker: Masker;
  readonly log: BuildLog;
  readonly #store: TargetStore;
  readonly #clock: () => number;
  readonly #abort = new AbortController();
  readonly #changed: () => void;
  #record: DeploymentRecord;
  #progress: Progress = { step: 'Waiting to start' };
  #isSwitching = false;

  constructor(
    context: LocalContext,
    store: TargetStore,
    record: DeploymentRecord,
    secrets: readonly string[],
  ) {
    this.#store = store;
    this.#record = record;
    this.#clock = context.options.clock;
    this.#changed = throttled(context.limits.notifyEveryMs, () =>
      context.options.notify(record.targetId),
    );
    this.masker = new Masker(secrets);
    const file = store.paths.log(record.deploymentId);
    this.log = new BuildLog(file, this.masker, context.limits.logBytes, this.#changed);
  }

  get record(): DeploymentRecord {
    return this.#record;
  }

  get progress(): Progress {
    return this.#progress;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get stopCause(): StopCause | null {
    return this.signal.aborted ? (this.signal.reason as StopCause) : null;
  }

  /** Too late once the switch has begun: then it is the new release that serves. */
  stop(cause: StopCause): boolean {
    if (this.#isSwitching) return false;
    this.#abort.abort(cause);
    return true;
  }

  /** False when it was told to end before. */
  beginSwitch(): boolean {
    if (this.signal.aborted) return false;
    this.#isSwitching = true;
    return true;
  }

  async update(patch: Partial<DeploymentRecord>): Promise<void> {
    this.#record = { ...this.#record, ...patch };
    await this.#store.saveRecord(this.#record);
    this.#changed();
  }

  /** A step that the person sees, and a line of the log. */
  step(words: string, done: number, total: number | null): void {
    this.#progress = { step: words, done, ...(total === null ? {} : { total }) };
    this.log.note(words);
    this.#changed();
  }

  /** Changes the words of the step without a step forward. */
  wait(words: string): void {
    if (this.#progress.step === words) return;
    this.#progress = { ...this.#progress, step: words };
    this.log.note(words);
    this.#changed();
  }

  /** Written before the program goes on for long: after a crash it is found and ended by this. */
  async started(pid: number): Promise<void> {
    await this.update({ process: await markOf(pid) });
  }

  async end(
    state: 'live' | 'failed' | 'stopped' | 'interrupted',
    reason: string | null,
  ): Promise<void> {
    const safeReason = reason === null ? null : this.masker.apply(reason);
    if (safeReason !== null) this.log.note(safeReason);
    await this.log.close();
    const logTail = this.log.tail;
    await this.update({
      state,
      reason: safeReason,
      logTail,
      process: null,
      finishedAt: this.#clock(),
    });
  }
}
