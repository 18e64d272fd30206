import type { AttemptOutcome, DeploymentState, Door } from './model/index.js';

/** What happens and is counted, for `/metrics`. Nothing of it is stored. */
export interface Measures {
  /** A delivery was answered. */
  delivered(door: Door, status: number): void;
  deploymentEnded(state: DeploymentState): void;
  attemptEnded(outcome: AttemptOutcome): void;
}

/** How much waits, now. */
export interface Workload {
  /** Lanes that could run. */
  lanesDue: number;
  /** Lanes whose work is going on. */
  lanesRunning: number;
  /** Lanes whose next look comes later. */
  lanesWaiting: number;
  /** Build statuses that are not yet on their commits. */
  statusesOwed: number;
}

/** How much of Bitbucket's hourly allowance the credentials of one kind have left. */
export interface ApiBudget {
  /** `app`, `person`, …: what kind, never whose. */
  kind: string;
  credentials: number;
  /** Of the one that has least. */
  leastLeft: number;
  /** Told to wait. */
  paused: number;
}

export type BreakerCounts = Readonly<Record<'closed' | 'open' | 'half_open', number>>;
