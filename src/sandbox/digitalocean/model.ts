import type { JsonObject } from '../json.js';

/** Phases of a deployment (deploy-backends §1.5). */
export type Phase =
  | 'PENDING_BUILD'
  | 'BUILDING'
  | 'PENDING_DEPLOY'
  | 'DEPLOYING'
  | 'ACTIVE'
  | 'SUPERSEDED'
  | 'ERROR'
  | 'CANCELED';

export type CauseType = 'MANUAL' | 'DEPLOY_ON_PUSH' | 'MANUAL_ROLLBACK';

export interface AppState {
  id: string;
  spec: JsonObject;
  deployments: DeploymentState[];
  /** Deployment id that a rollback pinned. */
  pinned: string | null;
  /** What was live when the rollback was asked for. */
  beforeRollback: string | null;
  createdAt: number;
  updatedAt: number;
}

export interface DeploymentState {
  id: string;
  spec: JsonObject;
  type: CauseType;
  phase: Phase;
  /** Component name → commit it is built from. */
  commits: Map<string, string>;
  /** What the build said, line by line. */
  log: string[];
  /** Set with the phase ERROR. */
  failure: { step: 'build' | 'deploy'; message: string } | null;
  previous: string | null;
  createdAt: number;
  updatedAt: number;
}

export interface Token {
  token: string;
  scopes: readonly string[];
}

/** Where the apps' code comes from: Bitbucket, or a test. */
export interface CodeSource {
  /** Head commit of a branch; null: no such branch, or no access. */
  head(repository: string, branch: string): Promise<string | null>;
  /** What building a commit gives. */
  build(repository: string, commit: string): Promise<BuildResult>;
}

export type BuildResult =
  { ok: true; log: string[]; page: string } | { ok: false; log: string[]; message: string };

const overPhases: ReadonlySet<Phase> = new Set(['ACTIVE', 'SUPERSEDED', 'ERROR', 'CANCELED']);

export function isOver({ phase }: DeploymentState): boolean {
  return overPhases.has(phase);
}
