import type {
  Backend,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import path from 'node:path';
import { BuildSlots } from './build-slots.js';
import { checkTarget } from './check-target.js';
import type { LocalContext } from './context.js';
import { machineFolder, openFilesRoot } from './files-root.js';
import { isolationSentence, localIsolation } from './isolation.js';
import { LocalTarget } from './local-target.js';
import { defaultLimits, type LocalBackendOptions } from './options.js';
import { isPlainId } from './paths.js';
import { localSettings, readSettings } from './settings.js';
import { TargetStore } from './target-store.js';
import { UserRegistry } from './user-registry.js';
import { usersFrom } from './users.js';

/** Builds a commit on this machine and serves it on a port of its own. */
export class LocalBackend implements Backend {
  readonly id = 'local';
  readonly label = 'This machine';
  readonly usesCloneCredential = true as const;
  readonly ownNode = true as const;
  readonly description: string;
  readonly capabilities = {
    commit: 'exact',
    branch: 'any',
    lookup: true,
    idempotent: true,
    cancel: true,
    rollback: true,
    logs: true,
    tags: true,
  } as const;
  readonly settings = localSettings;
  readonly #options: LocalBackendOptions;
  readonly #targets = new Map<string, Promise<LocalTarget>>();
  #context: Promise<LocalContext> | null = null;
  #isStopped = false;

  constructor(options: LocalBackendOptions) {
    this.#options = options;
    const belongs = options.isOneOfSeveral
      ? 'Of several machines that run Slipway, the one that deploys a target first keeps it. '
      : '';
    this.description =
      'Builds the commit on the machine that runs Slipway and serves it there: a static site, or an app that listens on PORT. ' +
      belongs +
      isolationSentence();
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const { toolEnvironment, limits, isolation } = await this.#ready();
    const users = usersFrom(isolation === 'none' ? null : limits.firstUid);
    return checkTarget(target, { toolEnvironment, identity: users.build }, signal);
  }

  async trigger(request: TriggerRequest): Promise<TriggerOutcome> {
    if (this.#isStopped) return { kind: 'retry', reason: 'Slipway is stopping.' };
    return (await this.#target(request.target.id)).trigger(request);
  }

  async rollback(request: RollbackRequest): Promise<TriggerOutcome> {
    if (this.#isStopped) return { kind: 'retry', reason: 'Slipway is stopping.' };
    return (await this.#target(request.target.id)).rollback(request);
  }

  async observe(deployment: BackendDeployment): Promise<Observation> {
    const target = await this.#existing(deployment.target.id);
    return target === null ? { state: 'queued', lost: true } : target.observe(idOf(deployment));
  }

  async lookup(request: BackendDeployment): Promise<LookupResult> {
    const target = await this.#existing(request.target.id);
    return target === null ? { kind: 'absent' } : target.lookup(request.deploymentId);
  }

  async cancel(deployment: BackendDeployment): Promise<CancelResult> {
    const target = await this.#existing(deployment.target.id);
    return target === null ? { kind: 'cancelled' } : target.cancel(idOf(deployment));
  }

  async logs(deployment: BackendDeployment): Promise<string | null> {
    const target = await this.#existing(deployment.target.id);
    return target === null ? null : target.store.logs(idOf(deployment));
  }

  async remove(target: BackendTarget): Promise<void> {
    const local = await this.#existing(target.id);
    if (local === null) return;
    await local.remove();
    this.#targets.delete(target.id);
  }

  /** Two rounds: a target that needs a new port must not get one that another remembers. */
  async start(targets: readonly BackendTarget[]): Promise<void> {
    const deployed: { target: BackendTarget; local: LocalTarget }[] = [];
    for (const target of targets) {
      await this.#guarded(target, async () => {
        const local = await this.#existing(target.id);
        if (local === null) return;
        if (local.store.state.live !== null) await local.serving.listen(false);
        deployed.push({ target, local });
      });
    }
    for (const { target, local } of deployed) {
      await this.#guarded(target, async () => {
        const reading = readSettings(target);
        if (reading.ok) await local.resume(reading.settings);
        else this.#options.logger.warn({ target: target.id }, 'local.settings_no_longer_valid');
      });
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    const opened = await Promise.allSettled(this.#targets.values());
    const closing: Promise<void>[] = [];
    for (const result of opened) {
      if (result.status === 'fulfilled') closing.push(result.value.close('stopping'));
    }
    await Promise.all(closing);
  }

  /** One target that cannot be served must not keep the others down. */
  async #guarded(target: BackendTarget, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.error({ target: target.id, err: error }, 'local.target_not_served');
    }
  }

  /** Null when nothing of this target was ever here: asking about it must not make folders. */
  async #existing(targetId: string): Promise<LocalTarget | null> {
    if (!this.#targets.has(targetId)) {
      if (!isPlainId(targetId) || !(await TargetStore.exists(await this.#ready(), targetId)))
        return null;
    }
    return this.#target(targetId);
  }

  #target(targetId: string): Promise<LocalTarget> {
    const known = this.#targets.get(targetId);
    if (known !== undefined) return known;
    const opening = this.#ready().then((context) => LocalTarget.open(context, targetId));
    this.#targets.set(targetId, opening);
    // A failed opening (a full disk, say) is tried again by the next call.
    opening.catch(() => this.#targets.delete(targetId));
    return opening;
  }

  #ready(): Promise<LocalContext> {
    this.#context ??= this.#open().catch((error: unknown) => {
      this.#context = null;
      throw error;
    });
    return this.#context;
  }

  async #open(): Promise<LocalContext> {
    const options = this.#options;
    const limits = { ...defaultLimits, ...options.limits };
    const isolation = localIsolation();
    const filesRoot = await openFilesRoot(options.dataDir, options.filesDir, isolation);
    return {
      options,
      limits,
      isolation,
      filesRoot,
      users: isolation === 'none' ? null : await openRegistry(limits.firstUid),
      buildSlots: new BuildSlots(limits.concurrentBuilds),
      toolEnvironment: options.toolEnvironment ?? {},
    };
  }
}

function idOf(deployment: BackendDeployment): string {
  return deployment.backendRef ?? deployment.deploymentId;
}

/** One for the whole machine: every Slipway on it that may become other users looks here. */
async function openRegistry(firstUid: number): Promise<UserRegistry> {
  return new UserRegistry(path.join(await machineFolder(), 'users'), firstUid);
}
