import type { Observation } from '../../core/backend.js';
import type { Clock } from '../../core/ports.js';
import type { OutboundHttp } from '../../lib/outbound-http.js';

/** What the receiver has told us. The backend keeps nothing itself: reports come in through the API door and are stored. */
export interface ReceiverReports {
  /** Null: no such deployment. */
  latest(deploymentId: string): Promise<LatestReport | null>;
  /** Keeps what an answer to one of our calls said at once; never overrides an end. */
  note(deploymentId: string, observation: Observation): Promise<void>;
}

export interface LatestReport {
  /** Null: nothing was reported yet. */
  observation: Observation | null;
  /** When it last reported; before that, when it was last sent the deployment. Unix ms. */
  heardAt: number;
}

export interface SignedWebhookOptions {
  /** The guarded client: the address is whatever a user typed. */
  http: OutboundHttp;
  /** Our own public origin, without a trailing slash. */
  baseUrl: string;
  reports: ReceiverReports;
  /** A token that is good for one clone credential of this deployment, as long as this fencing number is its newest. */
  offerCredential(deploymentId: string, fencing: number): Promise<string>;
  /** Never the same twice; no dots. */
  newId(): string;
  clock: Clock;
}
