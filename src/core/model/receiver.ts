import type { DeploymentState } from './deployment.js';

/** What a backend's receiver last said of a deployment. One row a deployment. */
export interface BackendReport {
  deploymentId: string;
  /** The receiver's own count; 0: said in an answer to us, before any report. */
  sequence: number;
  state: Exclude<DeploymentState, 'waiting' | 'unknown'>;
  url: string | null;
  logUrl: string | null;
  /** Fit to be shown: one line, secrets hidden. */
  message: string | null;
  /** As said; may be the first digits only. */
  commit: string | null;
  reportedAt: number;
}

/** The right to one clone credential, offered with one try of one deployment. The token itself is not kept. */
export interface CloneGrant {
  /** SHA-256 of the token, hex. */
  tokenDigest: string;
  deploymentId: string;
  /** Of the try it was offered with. */
  fencing: number;
  offeredAt: number;
  usedAt: number | null;
}
