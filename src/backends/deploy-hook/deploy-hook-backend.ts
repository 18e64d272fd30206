import type {
  Backend,
  BackendCapabilities,
  BackendDeployment,
  BackendTarget,
  CheckResult,
  HostFacts,
  Observation,
  TriggerOutcome,
  TriggerRequest,
} from '../../core/backend.js';
import { post, startByHook, type DeployHookOptions } from './call-hook.js';
import { followJenkins, isQueueItem } from './follow-jenkins.js';
import { isPresetId, presetOf } from './presets.js';
import { deployHookSettings, readSettings, type DeployHookSettings } from './settings.js';

/**
 * Any service that deploys when a secret address is called (reference/deploy-backends.md §2). Such a hook cannot be asked
 * anything, so most deployments end `handed_off`; nothing is ever claimed that was not seen.
 */
export class DeployHookBackend implements Backend {
  readonly id = 'deploy-hook';
  readonly label = 'Deploy hook';
  readonly description =
    'Calls a secret address of Render, Vercel, Netlify, Cloudflare, Amplify, CapRover, Jenkins or another service. Most do not report how it ended.';
  readonly capabilities: BackendCapabilities = {
    commit: 'head',
    branch: 'fixed',
    lookup: false,
    idempotent: false,
    cancel: false,
    rollback: false,
    logs: false,
    tags: false,
  };
  readonly settings = deployHookSettings;
  readonly #options: DeployHookOptions;

  constructor(options: DeployHookOptions) {
    this.#options = options;
  }

  /** The address is secret, but not whose it is; where that says no host, a target has a breaker to itself. */
  host({ targetId, settings }: HostFacts): string {
    const { service } = settings;
    const isShared = isPresetId(service) && presetOf(service).hosts !== null;
    return `hook of ${isShared ? service : targetId}`;
  }

  /** A hook has no call that does nothing; only Jenkins can be asked for a rehearsal. */
  async check(target: BackendTarget, signal: AbortSignal): Promise<CheckResult> {
    const reading = readSettings(target);
    if (!reading.ok) return { ok: false, problems: reading.problems };
    const { settings } = reading;
    const message = strangeAddress(settings) ?? (await this.#rehearse(settings, signal));
    if (message !== null) return { ok: false, problems: [{ field: 'url', message }] };
    return { ok: true, branch: settings.branch };
  }

  async trigger(request: TriggerRequest, signal: AbortSignal): Promise<TriggerOutcome> {
    const reading = readSettings(request.target);
    if (!reading.ok) {
      const [problem] = reading.problems;
      return { kind: 'rejected', reason: problem?.message ?? 'The settings no longer fit.' };
    }
    const { settings } = reading;
    if (settings.branch !== request.refName) {
      const reason = `The hook builds the branch ${settings.branch}, not ${request.refName}.`;
      return { kind: 'rejected', reason };
    }
    return startByHook(request, settings, this.#options, signal);
  }

  async observe(deployment: BackendDeployment, signal: AbortSignal): Promise<Observation> {
    const reading = readSettings(deployment.target);
    const ref = deployment.backendRef ?? '';
    if (reading.ok && reading.settings.jenkins && isQueueItem(ref)) {
      return followJenkins(ref, reading.settings, this.#options, signal);
    }
    const service = reading.ok && reading.settings.service !== 'other' ? reading.settings : null;
    const to = service?.preset.label ?? 'the hook';
    return { state: 'handed_off', reason: `Handed to ${to}; it does not report the result.` };
  }

  async #rehearse(settings: DeployHookSettings, signal: AbortSignal): Promise<string | null> {
    if (settings.service !== 'jenkins') return null;
    const headers = { 'gwt-dry-run': 'true' };
    const answer = await post(settings.url, { body: {}, signal, headers }, this.#options);
    if (answer.kind === 'failed') {
      return 'reason' in answer.outcome ? sentence(answer.outcome.reason) : null;
    }
    const { status } = answer.response;
    if (status === 404) return 'Jenkins has no job with this token.';
    if (status >= 300) return `Jenkins answered ${status} to a rehearsal (gwt-dry-run).`;
    const isPage = /^\s*</.test(answer.response.text);
    return isPage ? 'It answered with a web page: is this the address of the trigger?' : null;
  }
}

function strangeAddress({ preset, url }: DeployHookSettings): string | null {
  const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  if (preset.hosts === null || preset.hosts.test(url.hostname) || isLocal) return null;
  return `This is not a hook of ${preset.label}; one looks like ${preset.example}`;
}

function sentence(text: string): string {
  const capital = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.?!…]$/.test(capital) ? capital : `${capital}.`;
}
