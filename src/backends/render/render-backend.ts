import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  CheckWarning,
  FixResult,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import {
  absentYet,
  cancelResult,
  failedLookup,
  failedObservation,
  failedTrigger,
  madeSince,
  pollAfter,
} from '../bearer-api.js';
import { renderAccount } from './account.js';
import { observationOf } from './observation.js';
import { RenderApi, type RenderCall, type RenderOptions } from './render-api.js';
import { readSettings, renderSettings } from './settings.js';
import type { Deploy } from './shapes.js';

const noLongerFit = 'The settings no longer fit; open the target and save it again.';
const noAutoDeploy = 'no-auto-deploy';
/** Longer than any build there may take. */
const followMs = 3 * 60 * 60_000;
const mostPages = 5;

/** Render by its API: deploys exactly the pushed commit and follows it (reference/deploy-backends.md §2.3). */
export class RenderBackend implements Backend {
  readonly id = 'render';
  readonly label = 'Render';
  readonly description = 'Deploys a Render service at exactly the pushed commit, and follows it.';
  readonly capabilities: BackendCapabilities = {
    commit: 'exact',
    branch: 'any',
    lookup: true,
    idempotent: false,
    cancel: true,
    rollback: true,
    logs: false,
    tags: true,
  };
  readonly settings = renderSettings;
  readonly account;
  readonly #api: RenderApi;
  readonly #options: RenderOptions;

  constructor(options: RenderOptions) {
    this.#options = options;
    this.#api = new RenderApi(options);
    this.account = renderAccount(this.#api);
  }

  host(): string {
    return new URL(this.#api.origin).host;
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const settings = readSettings(target);
    if (!settings) return problem(null, noLongerFit);
    const read = await this.#api.service(settings.service, callOf(target, signal));
    if (!read.ok) return problem(read.why === 'missing' ? 'service' : null, `${read.reason}.`);
    const { type, autoDeploy, suspended, repo } = read.value;
    if (type === 'cron_job')
      return problem('service', 'Render cannot deploy cron jobs by its API.');
    if (repo === undefined) {
      return problem('service', 'This service is not built from a repository.');
    }
    if (suspended === 'suspended')
      return problem('service', 'This service is suspended at Render.');
    const warnings: CheckWarning[] = [];
    if (autoDeploy === 'yes') {
      warnings.push({
        message:
          'Render itself deploys this service on every push (auto-deploy), so each push would deploy twice, and a rollback would not hold.',
        fix: { id: noAutoDeploy, label: 'Turn that off at Render' },
      });
    }
    return { ok: true, warnings };
  }

  async fix(target: BackendTarget, fix: string, signal: AbortSignal): Promise<FixResult> {
    const settings = readSettings(target);
    if (!settings || fix !== noAutoDeploy) return { kind: 'failed', reason: noLongerFit };
    const done = await this.#api.turnOffAutoDeploy(settings.service, callOf(target, signal));
    return done.ok ? { kind: 'done' } : { kind: 'failed', reason: done.reason };
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const { service, clearCache } = settings;
    const call = callOf(request.target, signal, request);
    const started = await this.#api.start(service, request.commit, clearCache, call);
    if (!started.ok) return failedTrigger(started, true);
    if (started.value) return { kind: 'accepted', backendRef: started.value.id };
    // Its look-up finds the number.
    return { kind: 'unknown', reason: 'Render has queued it, but did not say under which number.' };
  }

  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const call = callOf(request.target, signal, request);
    const started = await this.#api.rollBack(settings.service, request.toBackendRef, call);
    if (!started.ok) return failedTrigger(started, true);
    return { kind: 'accepted', backendRef: started.value.id };
  }

  async observe(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation> {
    const settings = readSettings(deployment.target);
    const { backendRef } = deployment;
    if (!settings || backendRef === null) return { state: 'stopped', reason: noLongerFit };
    const call = callOf(deployment.target, signal);
    const read = await this.#api.deploy(settings.service, backendRef, call);
    if (!read.ok) return failedObservation(read, 'Render');
    const seen = observationOf(read.value);
    if (seen.state === 'live') return { ...seen, ...(await this.#address(settings.service, call)) };
    const age = read.at - createdAt(read.value);
    if (seen.progress && age > followMs) {
      return {
        state: 'stopped',
        reason: 'Not finished after 3 hours; look at Render for how it ended.',
      };
    }
    return { ...seen, pollAfterMs: pollAfter(age) };
  }

  /** The same commit deployed by API since we sent it is ours, or as good as ours. */
  async lookup(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'undecided', reason: 'the settings no longer fit' };
    const { clock } = this.#options;
    const trigger = request.isRollback ? 'rollback' : 'api';
    let found: Deploy | undefined;
    let cursor: string | null = null;
    for (let page = 1; page <= mostPages; page += 1) {
      const call = callOf(request.target, signal, request);
      const listed = await this.#api.deploys(settings.service, cursor, call);
      if (!listed.ok) return failedLookup(listed);
      const since = madeSince(request, listed.at, clock());
      if (since === null) return { kind: 'undecided', reason: 'it is not known when it was sent' };
      const recent = listed.value.filter(({ deploy }) => createdAt(deploy) >= since);
      // The first that was made; the list begins with the last.
      found = recent.findLast(({ deploy }) => isSame(deploy, request, trigger))?.deploy ?? found;
      cursor = listed.value.at(-1)?.cursor ?? null;
      if (recent.length < listed.value.length || cursor === null) break;
    }
    if (found) return { kind: 'found', backendRef: found.id };
    return absentYet(request, 'Render', clock());
  }

  async cancel(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult> {
    const settings = readSettings(deployment.target);
    if (!settings || deployment.backendRef === null) {
      return { kind: 'failed', reason: 'the settings no longer fit' };
    }
    const call = callOf(deployment.target, signal, deployment);
    return cancelResult(await this.#api.cancel(settings.service, deployment.backendRef, call));
  }

  async #address(service: string, call: RenderCall): Promise<Pick<Observation, 'url'>> {
    const read = await this.#api.service(service, call);
    const url = read.ok ? read.value.serviceDetails?.url : undefined;
    return url === undefined ? {} : { url };
  }
}

function isSame(deploy: Deploy, { commit }: BackendDeployment, trigger: string): boolean {
  return deploy.commit?.id === commit && (deploy.trigger ?? trigger) === trigger;
}

function createdAt({ createdAt: at }: Deploy): number {
  const time = Date.parse(at ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function callOf(
  { connection }: BackendTarget,
  signal: AbortSignal,
  deployment?: BackendDeployment,
): RenderCall {
  const record = deployment?.record?.bind(deployment);
  return { connection, signal, ...(record && { record }) };
}

function problem(field: string | null, message: string): CheckResult {
  return { ok: false, problems: [{ field, message }] };
}
