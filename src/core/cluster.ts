/** Several nodes on one database: who they are, and what they have to know of each other. */

export interface ClusterNode {
  /** Kept in the node's data folder: it stays the same over restarts. */
  id: string;
  /** The machine's name, for people. */
  name: string;
  /** `web`, `worker` or `web,worker`. */
  roles: string;
  /** Fingerprint of the master key that it seals with. */
  masterKeyId: string;
  baseUrl: string;
  startedAt: number;
  /** Unix ms: it was alive then. */
  seenAt: number;
}

/** What one node did with one credential at Bitbucket. */
export interface ApiUse {
  nodeId: string;
  /** The limiter's name for it; holds no secret. */
  credential: string;
  /** Calls of the last hour. */
  calls: number;
  /** Unix ms: Bitbucket told this node to wait until then; 0 = it did not. */
  pausedUntil: number;
  seenAt: number;
}

/** Between two signs of life. */
export const nodeBeatMs = 5_000;
/** A node that was silent for so long is not counted any more. */
export const nodeSilentMs = 20_000;

export interface NodeReads {
  /** Those that gave a sign of life after `since`, by name. */
  alive(since: number): Promise<ClusterNode[]>;
  /** What the nodes other than this one did, of those that told of it after `since`. */
  useByOthers(nodeId: string, since: number): Promise<ApiUse[]>;
}

export interface NodeWrites {
  /** Inserts or replaces. */
  seen(node: ClusterNode): Promise<void>;
  leave(nodeId: string): Promise<void>;
  /** Inserts or replaces what one node did. */
  noteUse(uses: readonly ApiUse[]): Promise<void>;
  /** Rows older than this say nothing any more. */
  forgetBefore(seenAt: number): Promise<void>;
}
