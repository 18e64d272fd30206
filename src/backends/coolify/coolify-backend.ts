import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  HostFacts,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import { redactText } from '../../lib/redact-text.js';
import {
  absentYet,
  cancelResult,
  failedLookup,
  failedObservation,
  failedTrigger,
  madeSince,
  pollAfter,
} from '../bearer-api.js';
import { addressIn, coolifyAccount } from './account.js';
import { CoolifyApi, type CoolifyCall, type CoolifyOptions } from './coolify-api.js';
import { builtCommit, logOf, observationOf } from './observation.js';
import { coolifySettings, readConnection, readSettings } from './settings.js';
import type { Deployment } from './shapes.js';

const noLongerFit = 'The settings no longer fit; open the target and save it again.';
const followMs = 3 * 60 * 60_000;
const perPage = 20;
const mostPages = 5;

/** A Coolify of the user's own, by its API (reference/deploy-backends.md §2.9). */
export class CoolifyBackend implements Backend {
  readonly id = 'coolify';
  readonly label = 'Coolify';
  readonly description =
    'Starts a deployment of a Coolify application and follows it. Builds the newest commit of the branch set there.';
  readonly capabilities: BackendCapabilities = {
    commit: 'head',
    branch: 'fixed',
    lookup: true,
    idempotent: false,
    cancel: true,
    rollback: true,
    logs: true,
    tags: false,
  };
  readonly settings = coolifySettings;
  readonly account;
  readonly #api: CoolifyApi;
  readonly #options: CoolifyOptions;

  constructor(options: CoolifyOptions) {
    this.#options = options;
    this.#api = new CoolifyApi(options);
    this.account = coolifyAccount(this.#api);
  }

  host({ connection }: HostFacts): string {
    const url = connection?.['url'];
    return typeof url === 'string' && URL.canParse(url) ? new URL(url).host : '';
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const settings = readSettings(target);
    if (!settings) return problem(null, noLongerFit);
    const read = await this.#api.application(settings.application, callOf(target, signal));
    if (!read.ok) return problem(read.why === 'missing' ? 'application' : null, `${read.reason}.`);
    const { git_branch: branch, git_commit_sha: pinned } = read.value;
    if (!branch) return problem('application', 'This application is not built from a branch.');
    if (pinned && pinned !== 'HEAD') {
      const message = `Coolify is set to build the commit ${pinned.slice(0, 12)} of this application, whatever is pushed; set its commit to HEAD there.`;
      return problem('application', message);
    }
    return { ok: true, branch };
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const { application, force } = settings;
    const call = callOf(request.target, signal, request);
    const read = await this.#api.application(application, call);
    if (!read.ok) return failedTrigger(read, false);
    const { git_branch: branch } = read.value;
    if (branch !== request.refName) {
      const reason = `The application builds the branch ${branch ?? '?'} now, not ${request.refName}. Change it there, or the target here.`;
      return { kind: 'rejected', reason };
    }
    const started = await this.#api.deploy(application, force, call);
    if (!started.ok) return failedTrigger(started, true);
    const [first] = started.value.deployments;
    if (first?.deployment_uuid) return { kind: 'accepted', backendRef: first.deployment_uuid };
    return this.#notStarted(first?.message ?? started.value.message ?? null, request, call);
  }

  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: noLongerFit };
    const { application } = settings;
    const call = callOf(request.target, signal, request);
    const earlier = await this.#api.deployment(request.toBackendRef, call);
    if (!earlier.ok && earlier.why !== 'missing') return failedTrigger(earlier, false);
    const commit = (earlier.ok ? builtCommit(earlier.value) : null) ?? request.commit;
    const kept = await this.#api.images(application, call);
    if (!kept.ok) return failedTrigger(kept, false);
    if (!kept.value.images.some(({ tag }) => tag === commit)) {
      const reason = `Coolify no longer keeps the image of ${commit.slice(0, 12)}; it keeps ${kept.value.images.length} of them. Redeploy the commit instead.`;
      return { kind: 'rejected', reason };
    }
    const started = await this.#api.rollBack(application, commit, call);
    if (!started.ok) return failedTrigger(started, true);
    const { deployment_uuid: backendRef, message } = started.value;
    if (backendRef) return { kind: 'accepted', backendRef };
    return { kind: 'rejected', reason: words(message ?? null, request.target) };
  }

  async observe(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation> {
    const { target, backendRef } = deployment;
    const settings = readSettings(target);
    if (!settings || backendRef === null) return { state: 'stopped', reason: noLongerFit };
    const call = callOf(target, signal);
    const read = await this.#api.deployment(backendRef, call);
    if (!read.ok) return failedObservation(read, 'Coolify');
    const seen = observationOf(read.value, hiddenIn(target));
    if (seen.state === 'live') {
      const application = await this.#api.application(settings.application, call);
      const url = application.ok ? addressIn(application.value.fqdn) : null;
      return { ...seen, ...(url === null ? {} : { url }) };
    }
    const age = read.at - createdAt(read.value);
    if (seen.progress && age > followMs) {
      const reason = 'Not finished after 3 hours; look at Coolify for how it ended.';
      return { state: 'stopped', reason };
    }
    return seen.progress ? { ...seen, pollAfterMs: pollAfter(age) } : seen;
  }

  /** Whatever was started since holds this commit or a newer one of the branch: it is ours, or as good as ours. */
  async lookup(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult> {
    const settings = readSettings(request.target);
    if (!settings) return { kind: 'undecided', reason: 'the settings no longer fit' };
    const call = callOf(request.target, signal, request);
    const { clock } = this.#options;
    const isRollback = request.isRollback === true;
    const made: Deployment[] = [];
    for (let page = 0; page < mostPages; page += 1) {
      const listed = await this.#api.history(settings.application, page * perPage, call);
      if (!listed.ok) return failedLookup(listed);
      const since = madeSince(request, listed.at, clock());
      if (since === null) return { kind: 'undecided', reason: 'it is not known when it was sent' };
      const { deployments } = listed.value;
      const recent = deployments.filter((one) => createdAt(one) >= since);
      made.push(...recent.filter(({ rollback }) => (rollback ?? false) === isRollback));
      if (recent.length < perPage) break;
    }
    const found = made.findLast((one) => builtCommit(one) === request.commit) ?? made.at(-1);
    if (found) return { kind: 'found', backendRef: found.deployment_uuid };
    return absentYet(request, 'Coolify', clock());
  }

  async cancel(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult> {
    const { backendRef, target } = deployment;
    if (backendRef === null) return { kind: 'failed', reason: 'it has no number at Coolify yet' };
    return cancelResult(await this.#api.cancel(backendRef, callOf(target, signal, deployment)));
  }

  async logs(deployment: BackendDeployment, signal: AbortSignal): Promise<string | null> {
    const { backendRef, target } = deployment;
    if (backendRef === null) return null;
    const read = await this.#api.deployment(backendRef, callOf(target, signal));
    const lines = read.ok ? logOf(read.value, hiddenIn(target)) : [];
    return lines.length === 0 ? null : `${lines.join('\n')}\n`;
  }

  /** A 200 that started nothing. One that runs with this very commit is what was wanted; any other refusal is one. */
  async #notStarted(
    message: string | null,
    request: TriggerRequest,
    call: CoolifyCall,
  ): Promise<TriggerOutcome> {
    if (!/already/i.test(message ?? '')) {
      return { kind: 'rejected', reason: words(message, request.target) };
    }
    const settings = readSettings(request.target);
    const listed = await this.#api.history(settings?.application ?? '', 0, call);
    const running = listed.ok ? listed.value.deployments.filter(isRunning) : [];
    const same = running.find((one) => builtCommit(one) === request.commit) ?? running[0];
    if (same) return { kind: 'accepted', backendRef: same.deployment_uuid };
    return { kind: 'retry', reason: 'Coolify is deploying this application already', isBusy: true };
  }
}

function words(message: string | null, target: BackendTarget): string {
  const said = message === null ? '' : `: ${redactText(message, hiddenIn(target), 300)}`;
  return `Coolify started nothing${said}`;
}

function isRunning({ status }: Deployment): boolean {
  return status === 'queued' || status === 'in_progress';
}

function createdAt({ created_at: at }: Deployment): number {
  const time = Date.parse(at ?? '');
  return Number.isNaN(time) ? 0 : time;
}

function hiddenIn({ connection }: BackendTarget): string[] {
  const read = readConnection(connection);
  return read ? [read.token] : [];
}

function callOf(
  { connection }: BackendTarget,
  signal: AbortSignal,
  deployment?: BackendDeployment,
): CoolifyCall {
  const record = deployment?.record?.bind(deployment);
  return { connection, signal, ...(record && { record }) };
}

function problem(field: string | null, message: string): CheckResult {
  return { ok: false, problems: [{ field, message }] };
}
