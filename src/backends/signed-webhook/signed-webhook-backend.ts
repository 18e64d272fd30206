import type {
  Backend,
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
import {
  cancelRequested,
  deploymentRequested,
  lookupRequested,
  ping,
  rollbackRequested,
  type Message,
} from './messages.js';
import {
  isSuccess,
  observationIn,
  readCancelAnswer,
  readPingAnswer,
  readTriggerAnswer,
} from './outcomes.js';
import { recordingHttp } from '../../lib/recording-http.js';
import type { LatestReport, SignedWebhookOptions } from './ports.js';
import { sendMessage, type Answer } from './send.js';
import { readSettings, signedWebhookSettings, type SignedWebhookSettings } from './settings.js';

/** A report wakes the lane by itself; this only bounds how late silence is noticed. */
const longestPollMs = 5 * 60_000;

/** Sends each deployment to a receiver of the user's own, and follows the signed reports that come back. */
export class SignedWebhookBackend implements Backend {
  readonly id = 'signed-webhook';
  readonly label = 'Signed webhook';
  readonly usesCloneCredential = true as const;
  readonly description =
    'Sends every deployment as a signed request to a receiver of your own, and follows what it reports back.';
  readonly capabilities = {
    commit: 'exact',
    branch: 'any',
    lookup: true,
    idempotent: true,
    cancel: true,
    rollback: true,
    logs: false,
    tags: true,
  } as const;
  readonly settings = signedWebhookSettings;
  readonly #options: SignedWebhookOptions;

  constructor(options: SignedWebhookOptions) {
    this.#options = options;
  }

  host({ settings: { url } }: HostFacts): string {
    return typeof url === 'string' && URL.canParse(url) ? new URL(url).host : '';
  }

  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const reading = readSettings(target);
    if (!reading.ok) return { ok: false, problems: reading.problems };
    const message = ping(target, this.#options.newId());
    const answer = await this.#send(message, reading.settings, {}, signal);
    const problem = readPingAnswer(answer);
    return problem === null ? { ok: true } : { ok: false, problems: [problem] };
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const { baseUrl } = this.#options;
    let credentialToken: string;
    try {
      credentialToken = await this.#options.offerCredential(request.deploymentId, request.fencing);
    } catch {
      return { kind: 'retry', reason: 'Slipway could not prepare the clone credential' };
    }
    const message = deploymentRequested(request, { baseUrl, credentialToken });
    return this.#handOver(message, request, signal);
  }

  rollback(request: RollbackRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    return this.#handOver(rollbackRequested(request, this.#options), request, signal);
  }

  async observe(deployment: BackendDeployment): Promise<Observation> {
    const latest = await this.#latest(deployment);
    const observation = latest.observation ?? { state: 'queued' };
    if (hasEnded(observation)) return sameCommit(observation, deployment.commit);
    const { silenceMs, leftMs } = this.#patience(deployment, latest);
    if (leftMs <= 0) return { ...observation, ...silent(silenceMs) };
    return { ...observation, pollAfterMs: Math.min(leftMs, longestPollMs) };
  }

  /** A receiver that has reported has it, whatever it answers now. */
  async lookup(request: BackendDeployment, signal: AbortSignal): Promise<LookupResult> {
    const found = {
      kind: 'found',
      backendRef: request.backendRef ?? request.deploymentId,
    } as const;
    const latest = await this.#latest(request);
    if (latest.observation !== null) return found;
    const reading = readSettings(request.target);
    if (!reading.ok) return { kind: 'undecided', reason: 'the settings no longer fit' };
    const question = lookupRequested(request, this.#options.newId());
    const answer = await this.#send(question, reading.settings, request, signal);
    if (answer.kind === 'answered' && (isSuccess(answer) || answer.status === 404)) {
      const { body } = answer;
      // A bare 404 may as well come from a proxy: absence has to be said.
      if (body.found === false) return { kind: 'absent' };
      if (body.found === true) {
        const observation = observationIn(answer);
        if (observation) await this.#options.reports.note(request.deploymentId, observation);
        return { kind: 'found', backendRef: body.externalId ?? found.backendRef };
      }
    }
    // Neither found nor absent for so long: handed to `observe`, which ends it with words, so that the lane goes on.
    if (this.#patience(request, latest).leftMs <= 0) return found;
    return { kind: 'undecided', reason: undecidedWords(answer) };
  }

  async cancel(deployment: BackendDeployment, signal: AbortSignal): Promise<CancelResult> {
    const { observation } = await this.#latest(deployment);
    if (observation !== null && hasEnded(observation)) return { kind: 'too_late' };
    const reading = readSettings(deployment.target);
    if (!reading.ok) return { kind: 'failed', reason: 'the settings no longer fit' };
    const message = cancelRequested(deployment);
    const answer = await this.#send(message, reading.settings, deployment, signal);
    if (answer.kind === 'answered' && answer.status === 200) {
      const said = observationIn(answer);
      if (said) await this.#options.reports.note(deployment.deploymentId, said);
    }
    return readCancelAnswer(answer);
  }

  async #handOver(
    message: Message,
    deployment: BackendDeployment,
    signal: AbortSignal,
  ): Promise<TriggerOutcome> {
    const reading = readSettings(deployment.target);
    if (!reading.ok) {
      const [problem] = reading.problems;
      return { kind: 'rejected', reason: problem?.message ?? 'The settings no longer fit.' };
    }
    const answer = await this.#send(message, reading.settings, deployment, signal);
    const outcome = readTriggerAnswer(answer, deployment.deploymentId);
    if (outcome.kind !== 'accepted') return outcome;
    const seen: Observation = outcome.observation ?? { state: 'queued' };
    if (hasEnded(seen)) return outcome;
    // It reports by itself, and a report wakes the lane.
    const pollAfterMs = Math.min(reading.settings.silenceMs, longestPollMs);
    return { ...outcome, observation: { ...seen, pollAfterMs } };
  }

  #send(
    message: Message,
    settings: SignedWebhookSettings,
    { record }: Pick<BackendDeployment, 'record'>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { clock } = this.#options;
    const http = recordingHttp(this.#options.http, record, clock);
    return sendMessage(message, settings, { http, clock }, signal);
  }

  async #latest({ deploymentId }: BackendDeployment): Promise<LatestReport> {
    const latest = await this.#options.reports.latest(deploymentId);
    return latest ?? { observation: null, heardAt: this.#options.clock() };
  }

  #patience(
    { target }: BackendDeployment,
    { heardAt }: LatestReport,
  ): { silenceMs: number; leftMs: number } {
    const reading = readSettings(target);
    const silenceMs = reading.ok ? reading.settings.silenceMs : defaultSilenceMs;
    return { silenceMs, leftMs: heardAt + silenceMs - this.#options.clock() };
  }
}

const defaultSilenceMs = 60 * 60_000;

function hasEnded({ state }: Observation): boolean {
  return state !== 'queued' && state !== 'building' && state !== 'deploying';
}

/** A receiver may name the commit by its first digits; that is not another commit. */
function sameCommit(observation: Observation, commit: string): Observation {
  const named = observation.commit?.toLowerCase();
  const isSame = named !== undefined && commit.toLowerCase().startsWith(named);
  return isSame ? { ...observation, commit } : observation;
}

/** Never guessed to be live: Bitbucket would say so to everybody. */
function silent(silenceMs: number): Pick<Observation, 'state' | 'reason'> {
  const minutes = Math.round(silenceMs / 60_000);
  const time = minutes === 1 ? 'a minute' : `${minutes} minutes`;
  return {
    state: 'stopped',
    reason: `Sent, but the receiver reported nothing for ${time}; look there for how it ended.`,
  };
}

function undecidedWords(answer: Answer): string {
  return answer.kind === 'answered'
    ? `the receiver answered ${answer.status} to the look-up`
    : answer.reason;
}
