import type { NotifyProgress } from '../../core/backend.js';
import type { Clock, Logger } from '../../core/ports.js';

export interface LocalBackendOptions {
  dataDir: string;
  /** Host shown in the addresses of deployed sites, for example 127.0.0.1. */
  publicHost: string;
  /** Address the sites listen on. Default: loopback only. */
  listenHost?: string;
  /** Other machines share the database: a target belongs to the one that deploys it first. */
  isOneOfSeveral?: boolean;
  notify: NotifyProgress;
  clock: Clock;
  logger: Logger;
  /** True exactly when the configured Bitbucket URL is loopback. */
  allowPlainHttpGit: boolean;
  /**
   * Handed to git and to builds as it is. For an operator's proxy, certificates or package registry; anything secret in
   * it can be read by every build.
   */
  toolEnvironment?: Readonly<Record<string, string>>;
  /** Where work and releases live. Default: `<dataDir>/local`; see `files-root.ts` for the exception. */
  filesDir?: string;
  limits?: Partial<LocalLimits>;
}

export interface LocalLimits {
  /** Per command of a build. */
  buildTimeoutMs: number;
  /** Kept of a build's output. */
  logBytes: number;
  /** Kept of a running app's output, twice over. */
  appLogBytes: number;
  /** Builds that run at the same time on this machine; others wait. */
  concurrentBuilds: number;
  gitTimeoutMs: number;
  /** A webhook can arrive before the commit can be fetched: how long that is waited for. */
  notFoundRetryMs: number;
  notFoundEveryMs: number;
  /** How long an unreachable Bitbucket is tried again. */
  networkRetryMs: number;
  networkEveryMs: number;
  /** Each source of credentials is tried twice, and there are four. */
  credentialTries: number;
  credentialEveryMs: number;
  healthDeadlineMs: number;
  healthIntervalMs: number;
  /** A started process must have lived this long before it gets traffic. */
  minUptimeMs: number;
  /** How long requests to the old process may still take after the switch. */
  drainMs: number;
  /** Between SIGTERM and SIGKILL, for builds and for started processes. */
  killGraceMs: number;
  /** The same while Slipway itself stops. */
  stopGraceMs: number;
  restartFirstMs: number;
  restartMaxMs: number;
  keepReleases: number;
  keepRecords: number;
  notifyEveryMs: number;
  /** First of the user ids that builds and processes run under, when we are root. */
  firstUid: number;
}

export const defaultLimits: LocalLimits = {
  buildTimeoutMs: 20 * 60_000,
  logBytes: 10 * 1024 * 1024,
  appLogBytes: 1024 * 1024,
  concurrentBuilds: 2,
  gitTimeoutMs: 10 * 60_000,
  notFoundRetryMs: 60_000,
  notFoundEveryMs: 3000,
  networkRetryMs: 5 * 60_000,
  networkEveryMs: 5000,
  credentialTries: 8,
  credentialEveryMs: 1000,
  healthDeadlineMs: 60_000,
  healthIntervalMs: 500,
  minUptimeMs: 3000,
  drainMs: 30_000,
  killGraceMs: 5000,
  stopGraceMs: 5000,
  restartFirstMs: 1000,
  restartMaxMs: 60_000,
  keepReleases: 5,
  keepRecords: 200,
  notifyEveryMs: 250,
  firstUid: 64_000,
};
