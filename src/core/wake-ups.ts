/** Names that storage, which adds wake-ups within its transactions, and the waker, which listens for them, agree on. */
export const wakeUps = {
  /** The schema of graphile-worker's tables: a table of jobs shared with others would slow both. */
  schema: 'slipway_worker',
  /** A lane has become due. The job's key is the lane's target; its payload says no more than that. */
  laneTask: 'lane',
} as const;

/** For lanes that one node alone may work on: that node's own task. */
export function laneTaskOf(node: string): string {
  return `${wakeUps.laneTask}:${node}`;
}
