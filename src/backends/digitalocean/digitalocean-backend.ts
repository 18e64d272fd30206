import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CancelResult,
  CheckResult,
  FixResult,
  LookupResult,
  Observation,
  RollbackRequest,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';
import { digitaloceanAccount } from './account.js';
import { Api, type CallContext, type Failure } from './api.js';
import { AppCalls } from './app-calls.js';
import { checkApp, noDeployOnPush, turnOffDeployOnPush } from './check.js';
import { findDeployment } from './find-deployment.js';
import { failedObservation, failedTrigger } from './outcomes.js';
import { observationOf } from './progress.js';
import { readLogs, type LogTypes } from './read-logs.js';
import { rollBack } from './rollback.js';
import { digitaloceanSettings, readAppSettings, tokenOf } from './settings.js';
import type { App, Deployment } from './shapes.js';
import { bitbucketSources, isSameRepository, urlOf } from './source.js';

export interface DigitalOceanOptions {
  /** For DigitalOcean's own API host. */
  vendorHttp: OutboundHttp;
  /** The guarded client, for addresses that DigitalOcean names. */
  http: OutboundHttp;
  digitaloceanUrl: string;
  clock: Clock;
}

const settingsDoNotFit = 'The settings no longer fit; open the target and save it again.';
/** Builds are cut there at one hour (reference §1.7). */
const followMs = 75 * 60_000;
/** So long a first deployment may be live without an address. */
const addressMs = 60_000;
const logTailLines = 30;

/** DigitalOcean App Platform: starts deployments of an app and follows them (reference/deploy-backends.md §1). */
export class DigitalOceanBackend implements Backend {
  readonly id = 'digitalocean';
  readonly label = 'DigitalOcean App Platform';
  readonly description =
    'Starts a deployment of an App Platform app and follows it. Builds the newest commit of the branch set there.';
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
  readonly settings = digitaloceanSettings;
  readonly account;
  readonly #options: DigitalOceanOptions;
  readonly #calls: AppCalls;

  constructor(options: DigitalOceanOptions) {
    this.#options = options;
    const { vendorHttp: http, digitaloceanUrl: origin, clock } = options;
    this.#calls = new AppCalls(new Api({ http, origin, clock }));
    this.account = digitaloceanAccount(this.#calls);
  }

  host(): string {
    return new URL(this.#options.digitaloceanUrl).host;
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const settings = readAppSettings(target);
    if (!settings) return problem(null, settingsDoNotFit);
    const read = await this.#calls.get(settings.app, contextOf(target, signal));
    if (read.ok) return checkApp(read.value, target.repository?.fullName);
    const field = read.why === 'missing' ? 'app' : null;
    return problem(field, `${read.reason}.`);
  }

  async fix(target: BackendTarget, fix: string, signal: AbortSignal): Promise<FixResult> {
    const settings = readAppSettings(target);
    if (!settings || fix !== noDeployOnPush) return { kind: 'failed', reason: settingsDoNotFit };
    return turnOffDeployOnPush(settings.app, this.#calls, contextOf(target, signal));
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readAppSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: settingsDoNotFit };
    const context = contextOf(request.target, signal, request);
    const read = await this.#calls.get(settings.app, context);
    if (!read.ok) return failedTrigger(read, false);
    const objection = objectionTo(request, read.value);
    if (objection) return objection;
    const started = await this.#calls.deploy(settings.app, settings.forceBuild, context);
    if (!started.ok) return failedTrigger(started, true);
    return { kind: 'accepted', backendRef: started.value.id };
  }

  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const settings = readAppSettings(request.target);
    if (!settings) return { kind: 'rejected', reason: settingsDoNotFit };
    const context = contextOf(request.target, signal, request);
    const read = await this.#calls.get(settings.app, context);
    if (!read.ok) return failedTrigger(read, false);
    return rollBack(read.value, request, this.#calls, context);
  }

  async observe(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation> {
    const { target, backendRef, commit } = deployment;
    const settings = readAppSettings(target);
    if (!settings || backendRef === null) return { state: 'stopped', reason: settingsDoNotFit };
    const context = contextOf(target, signal);
    const read = await this.#calls.deployment(settings.app, backendRef, context);
    if (!read.ok) return failedObservation(read);
    const seen = observationOf(read.value, commit, hiddenIn(target));
    const age = read.at - Date.parse(read.value.created_at ?? '');
    if (seen.state === 'live')
      return this.#whenLive(seen, read.value, settings.app, read.at, context);
    if (seen.state === 'failed')
      return { ...seen, ...(await this.#tail(settings.app, backendRef, context)) };
    const isOpen = seen.state !== 'stopped' && seen.state !== 'superseded';
    if (isOpen && age > followMs) {
      const reason = 'Not finished after 75 minutes; look at DigitalOcean for how it ended.';
      return { ...seen, state: 'stopped', reason };
    }
    const open = { ...seen, pollAfterMs: pollAfter(age) };
    if (seen.state !== 'building' && seen.state !== 'deploying') return open;
    const phase = seen.state === 'building' ? 'BUILD' : 'DEPLOY';
    return { ...open, ...(await this.#tail(settings.app, backendRef, context, [phase])) };
  }

  async lookup(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult> {
    const settings = readAppSettings(request.target);
    if (!settings) return { kind: 'undecided', reason: 'the settings no longer fit' };
    const context = contextOf(request.target, signal, request);
    const tools = { calls: this.#calls, clock: this.#options.clock };
    return findDeployment(request, settings, tools, context);
  }

  async cancel(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult> {
    const settings = readAppSettings(deployment.target);
    if (!settings || deployment.backendRef === null) {
      return { kind: 'failed', reason: 'the settings no longer fit' };
    }
    const context = contextOf(deployment.target, signal, deployment);
    const answer = await this.#calls.cancel(settings.app, deployment.backendRef, context);
    if (answer.ok) return { kind: 'cancelled' };
    // Only one in progress can be cancelled; any other answers with a refusal.
    if (answer.why === 'refused' || answer.why === 'busy') return { kind: 'too_late' };
    return { kind: 'failed', reason: answer.reason };
  }

  async resume(target: BackendTarget, signal: AbortSignal): Promise<FixResult> {
    const settings = readAppSettings(target);
    if (!settings) return { kind: 'done' };
    const context = contextOf(target, signal);
    const read = await this.#calls.get(settings.app, context);
    if (!read.ok) return failed(read);
    if (!read.value.pinned_deployment) return { kind: 'done' };
    const kept = await this.#calls.commitRollback(settings.app, context);
    return kept.ok ? { kind: 'done' } : failed(kept);
  }

  async logs(deployment: BackendDeployment, signal: AbortSignal): Promise<string | null> {
    const settings = readAppSettings(deployment.target);
    if (!settings || deployment.backendRef === null) return null;
    return this.#logs(settings.app, deployment.backendRef, contextOf(deployment.target, signal));
  }

  async #whenLive(
    seen: Observation,
    deployment: Deployment,
    appId: string,
    now: number,
    context: CallContext,
  ): Promise<Observation> {
    const app = await this.#calls.get(appId, context);
    const url = app.ok ? urlOf(app.value) : null;
    if (url !== null) return { ...seen, url };
    const isFresh = now - Date.parse(deployment.updated_at ?? '') < addressMs;
    return isFresh ? { ...seen, state: 'deploying', pollAfterMs: 2_000 } : seen;
  }

  async #tail(
    app: string,
    id: string,
    context: CallContext,
    types?: LogTypes,
  ): Promise<Pick<Observation, 'logTail'>> {
    const text = await this.#logs(app, id, context, types);
    return text === null ? {} : { logTail: text.trimEnd().split('\n').slice(-logTailLines) };
  }

  async #logs(
    app: string,
    deployment: string,
    context: CallContext,
    types?: LogTypes,
  ): Promise<string | null> {
    const tools = { calls: this.#calls, files: this.#options.http };
    const text = await readLogs({ app, deployment }, tools, context, types);
    const token = tokenOf(context.connection);
    return text === null || token === null ? text : text.replaceAll(token, '[hidden]');
  }
}

/** Null: go ahead. Asked before each trigger, because both may be changed there at any time. */
function objectionTo(request: TriggerRequest, app: App): TriggerOutcome | null {
  if (app.pinned_deployment) {
    const reason =
      'The app is pinned by a rollback at DigitalOcean. Resume automatic deploys to keep that release and go on.';
    return { kind: 'rejected', reason, isHeld: true };
  }
  const ours = bitbucketSources(app).filter(({ repository }) =>
    isSameRepository(repository, request.repository.fullName),
  );
  if (ours.length === 0) {
    const reason = `No part of this app is built from ${request.repository.fullName}.`;
    return { kind: 'rejected', reason };
  }
  const other = ours.find(({ branch }) => branch !== request.refName);
  if (!other) return null;
  const reason = `The app builds the branch ${other.branch} now, not ${request.refName}. Change it there, or the target here.`;
  return { kind: 'rejected', reason };
}

function contextOf(
  { connection }: BackendTarget,
  signal: AbortSignal,
  deployment?: BackendDeployment,
): CallContext {
  const record = deployment?.record?.bind(deployment);
  return { connection, signal, ...(record && { record }) };
}

function hiddenIn({ connection }: BackendTarget): string[] {
  const token = tokenOf(connection);
  return token === null ? [] : [token];
}

/** reference §1.7: 20 deployments at once stay far below the limit of calls. */
function pollAfter(ageMs: number): number {
  if (!(ageMs >= 60_000)) return 5_000;
  return ageMs < 10 * 60_000 ? 10_000 : 30_000;
}

function problem(field: string | null, message: string): CheckResult {
  return { ok: false, problems: [{ field, message }] };
}

function failed({ reason }: Failure): FixResult {
  return { kind: 'failed', reason };
}
