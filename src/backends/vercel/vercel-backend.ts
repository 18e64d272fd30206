import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  CheckWarning,
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
import { vercelAccount } from './account.js';
import { observationOf } from './observation.js';
import { readConnection, readSettings, vercelSettings } from './settings.js';
import { VercelApi, type VercelCall, type VercelOptions } from './vercel-api.js';

const noLongerFit = 'The settings no longer fit; open the target and save it again.';
/** Longer than any build there may take. */
const followMs = 2 * 60 * 60_000;
const mostPages = 5;
/** A rollback makes no deployment over there: its reference is the one it goes back to. */
const rollbackPrefix = 'rollback:';

/** Vercel by its API: deploys exactly the pushed commit and follows it (reference/deploy-backends.md §2.1). */
export class VercelBackend implements Backend {
  readonly id = 'vercel';
  readonly label = 'Vercel';
  readonly description = 'Deploys a Vercel project at exactly the pushed commit, and follows it.';
  readonly capabilities: BackendCapabilities = {
    commit: 'exact',
    branch: 'any',
    lookup: true,
    idempotent: false,
    cancel: true,
    rollback: true,
    logs: true,
    tags: true,
  };
  readonly settings = vercelSettings;
  readonly account;
  readonly #api: VercelApi;
  readonly #options: VercelOptions;

  constructor(options: VercelOptions) {
    this.#options = options;
    this.#api = new VercelApi(options);
    this.account = vercelAccount(this.#api);
  }

  host(): string {
    return new URL(this.#api.origin).host;
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const settings = readSettings(target);
    if (!settings) return problem(null, noLongerFit);
    const read = await this.#api.project(settings.project, callOf(target, signal));
    if (!read.ok) return problem(read.why === 'missing' ? 'project' : null, `${read.reason}.`);
    const { link, gitProviderOptions } = read.value;
    if (link?.type !== 'bitbucket') {
      const message =
        'This project is not connected to a Bitbucket repository; connect it at Vercel first.';
      return problem('project', message);
    }
    const warnings: CheckWarning[] = [];
    if (gitProviderOptions?.createDeployments !== 'disabled') {
      warnings.push({
        message:
          'Vercel itself may deploy this project on every push, so each push would deploy twice. Turn it off there with git.deploymentEnabled: false in vercel.json.',
      });
    }
    return { ok: true, warnings };
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const { project, environment } = settings;
    const { repository, refName, commit, deploymentId } = request;
    const wish = {
      name: repository.fullName.split('/').at(-1) ?? project,
      project,
      ...(environment === 'production' ? { target: environment } : {}),
      gitSource: { type: 'bitbucket', repoUuid: repository.uuid, ref: refName, sha: commit },
      // By this the look-up knows it again.
      meta: { slipwayDeployment: deploymentId },
    };
    const started = await this.#api.create(wish, callOf(request.target, signal, request));
    return started.ok
      ? { kind: 'accepted', backendRef: started.value.id }
      : failedTrigger(started, true);
  }

  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const to = request.toBackendRef.replace(rollbackPrefix, '');
    const call = callOf(request.target, signal, request);
    const started = await this.#api.rollBack(settings.project, to, call);
    // 409: it is what the domains show already.
    if (started.ok || started.why === 'busy') {
      return { kind: 'accepted', backendRef: `${rollbackPrefix}${to}` };
    }
    return failedTrigger(started, true);
  }

  async observe(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation> {
    const settings = readSettings(deployment.target);
    const { backendRef } = deployment;
    if (!settings || backendRef === null) return { state: 'stopped', reason: noLongerFit };
    const call = callOf(deployment.target, signal);
    const isRollback = backendRef.startsWith(rollbackPrefix);
    const id = backendRef.replace(rollbackPrefix, '');
    const read = await this.#api.deployment(id, call);
    if (!read.ok) return failedObservation(read, 'Vercel');
    const hidden = hiddenIn(deployment.target);
    const seen = observationOf(read.value, hidden);
    const isStaged = read.value.readySubstate === 'STAGED' && read.value.target === 'production';
    if (seen.state === 'live' && (isRollback || isStaged)) {
      return this.#followDomains(seen, { id, isRollback, project: settings.project }, call);
    }
    if (seen.state === 'failed') return { ...seen, ...(await this.#tail(id, call, hidden)) };
    const age = read.at - (read.value.createdAt ?? read.at);
    if (seen.progress && age > followMs) {
      const reason = 'Not finished after 2 hours; look at Vercel for how it ended.';
      return { state: 'stopped', reason };
    }
    return seen.progress ? { ...seen, pollAfterMs: pollAfter(age) } : seen;
  }

  async lookup(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'undecided', reason: 'the settings no longer fit' };
    const call = callOf(request.target, signal, request);
    const now = this.#options.clock();
    const read = await this.#api.project(settings.project, call);
    if (!read.ok) return failedLookup(read);
    const since = madeSince(request, read.at, now);
    if (since === null) return { kind: 'undecided', reason: 'it is not known when it was sent' };
    if (request.isRollback) {
      const { type, toDeploymentId, requestedAt = 0 } = read.value.lastAliasRequest ?? {};
      const isOurs = type === 'rollback' && toDeploymentId !== undefined && requestedAt >= since;
      if (isOurs) return { kind: 'found', backendRef: `${rollbackPrefix}${toDeploymentId}` };
      return absentYet(request, 'Vercel', now);
    }
    let until: number | null = null;
    for (let page = 1; page <= mostPages; page += 1) {
      const listed = await this.#api.deployments(read.value.id, since, until, call);
      if (!listed.ok) return failedLookup(listed);
      const { deployments, pagination } = listed.value;
      const ours = deployments.find(
        ({ meta }) => meta['slipwayDeployment'] === request.deploymentId,
      );
      if (ours) return { kind: 'found', backendRef: ours.uid };
      until = pagination?.next ?? null;
      if (until === null) return absentYet(request, 'Vercel', now);
    }
    return { kind: 'undecided', reason: 'Vercel lists more deployments than can be read' };
  }

  async cancel(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult> {
    const { backendRef, target } = deployment;
    if (backendRef === null) return { kind: 'failed', reason: 'it has no number at Vercel yet' };
    if (backendRef.startsWith(rollbackPrefix)) return { kind: 'too_late' };
    return cancelResult(await this.#api.cancel(backendRef, callOf(target, signal, deployment)));
  }

  async logs(deployment: BackendDeployment, signal: AbortSignal): Promise<string | null> {
    const { backendRef, target } = deployment;
    if (backendRef === null) return null;
    const id = backendRef.replace(rollbackPrefix, '');
    const lines = await this.#lines(id, callOf(target, signal), hiddenIn(target));
    return lines === null ? null : `${lines.join('\n')}\n`;
  }

  /**
   * Whether the production domains have moved. After a rollback Vercel leaves new production builds staged; ours was asked to go
   * live, so it is promoted, once.
   */
  async #followDomains(
    seen: Observation,
    { id, isRollback, project }: { id: string; isRollback: boolean; project: string },
    call: VercelCall,
  ): Promise<Observation> {
    const moving = { ...seen, progress: { step: 'Moving the domains' } };
    const still: Observation = { ...moving, state: 'deploying', pollAfterMs: 3_000 };
    const read = await this.#api.project(project, call);
    if (!read.ok) return failedObservation(read, 'Vercel');
    const request = read.value.lastAliasRequest;
    if (request?.toDeploymentId === id) {
      if (request.jobStatus === 'succeeded') return seen;
      if (request.jobStatus !== 'failed' && request.jobStatus !== 'skipped') return still;
      return { ...seen, state: 'failed', reason: 'Vercel could not move the production domains.' };
    }
    // A rollback to what is live already leaves no trace.
    if (isRollback) return seen;
    const promoted = await this.#api.promote(project, id, call);
    if (promoted.ok || promoted.why !== 'refused') return still;
    return { ...seen, state: 'failed', reason: `${promoted.reason}.` };
  }

  async #tail(
    id: string,
    call: VercelCall,
    hidden: readonly string[],
  ): Promise<Pick<Observation, 'logTail'>> {
    const lines = await this.#lines(id, call, hidden);
    return lines === null ? {} : { logTail: lines.slice(-30) };
  }

  async #lines(id: string, call: VercelCall, hidden: readonly string[]): Promise<string[] | null> {
    const read = await this.#api.events(id, call);
    if (!read.ok || read.value.length === 0) return null;
    return read.value
      .flatMap(({ text, payload }) => (payload?.text ?? text ?? '').split('\n'))
      .map((line) => hidden.reduce((clean, one) => clean.replaceAll(one, '[hidden]'), line));
  }
}

function hiddenIn({ connection }: BackendTarget): string[] {
  const read = readConnection(connection);
  return read ? [read.token] : [];
}

function callOf(
  { connection }: BackendTarget,
  signal: AbortSignal,
  deployment?: BackendDeployment,
): VercelCall {
  const record = deployment?.record?.bind(deployment);
  return { connection, signal, ...(record && { record }) };
}

function problem(field: string | null, message: string): CheckResult {
  return { ok: false, problems: [{ field, message }] };
}
