import { z } from 'zod';

export const processMark = z.object({ pid: z.number(), startedAs: z.string() });
/** A process that outlives a restart is recognised by pid and start time together; a pid alone is reused. */
export type ProcessMark = z.infer<typeof processMark>;

/** `interrupted`: Slipway ended while it ran, or it had to be put off. The engine sends it again under the same key. */
export const recordState = z.enum([
  'queued',
  'building',
  'deploying',
  'live',
  'failed',
  'stopped',
  'interrupted',
]);
export type RecordState = z.infer<typeof recordState>;

export const deploymentRecord = z.object({
  version: z.literal(1),
  deploymentId: z.string(),
  targetId: z.string(),
  idempotencyKey: z.string(),
  kind: z.enum(['build', 'rollback']),
  commit: z.string(),
  state: recordState,
  reason: z.string().nullable(),
  /** Name of the release it made or switched to; set before the switch. */
  release: z.string().nullable(),
  logTail: z.array(z.string()),
  /** The command that runs now. */
  process: processMark.nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  finishedAt: z.number().nullable(),
});
export type DeploymentRecord = z.infer<typeof deploymentRecord>;

export const targetState = z.object({
  version: z.literal(1),
  /** Highest seen; a lower one comes from a worker whose lease is long over. */
  fencing: z.number(),
  /** Number of the newest release. */
  sequence: z.number(),
  /** Chosen once, so that the address stays. */
  port: z.number().nullable(),
  /** First of this target's user ids. */
  firstUid: z.number().nullable(),
  live: z.object({ deploymentId: z.string(), release: z.string() }).nullable(),
  previousRelease: z.string().nullable(),
  /** Started apps, by the app user they run under; two during a switch. */
  apps: z.tuple([processMark.nullable(), processMark.nullable()]),
});
export type TargetState = z.infer<typeof targetState>;

export const emptyTargetState: TargetState = {
  version: 1,
  fencing: 0,
  sequence: 0,
  port: null,
  firstUid: null,
  live: null,
  previousRelease: null,
  apps: [null, null],
};

export const releaseFacts = z.object({
  version: z.literal(1),
  name: z.string(),
  deploymentId: z.string(),
  commit: z.string(),
  refType: z.string(),
  refName: z.string(),
  kind: z.enum(['static', 'process']),
  /** For a process: what starts it, and the folder inside the release it starts in. */
  startCommand: z.string().nullable(),
  startFolder: z.string(),
  /** For a static site: which folder of the build it was. */
  outputFolder: z.string().nullable(),
  spaFallback: z.boolean(),
  healthPath: z.string(),
  createdAt: z.number(),
});
export type ReleaseFacts = z.infer<typeof releaseFacts>;

export function isRunning(state: RecordState): boolean {
  return state === 'queued' || state === 'building' || state === 'deploying';
}
